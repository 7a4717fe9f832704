#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <set>
#include <sstream>

#include "core/base/strings.h"
#include "core/model/value.h"
#include "core/model/value_json.h"

namespace hearth::model {
namespace {

// What stray closing brackets make of the parser is a document without end: a bound on them ends
// it.
constexpr size_t kMaxDocuments = 1000;

// Leaves the parser at once. Never crosses ReadYaml.
struct TooMuch {
  std::string what;
  int line = 0;
};

// Builds Values from the parser's events. The library's own tree is not used: it has no bound for
// documents, nodes or depth. Aliases are copied and counted, so a small text cannot grow without
// end.
class YamlBuilder final : public YAML::EventHandler {
 public:
  explicit YamlBuilder(std::vector<Problem>* problems) : problems_(problems) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > kMaxDocuments) throw TooMuch{"the text has too many documents", Line(mark)};
    stack_.clear();
    anchors_.clear();
    root_ = {};
  }
  void OnDocumentEnd() override { finished_.push_back(std::move(root_)); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Value value;
    value.line = Line(mark);
    Complete(std::move(value), anchor, Style::kPlain);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) throw TooMuch{"an alias stands inside what it names", Line(mark)};
    Count(Size(known->second), Line(mark));
    Complete(known->second, 0, Style::kPlain);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    Value value;
    value.line = Line(mark);
    value.text = text;
    // "!" marks a quoted scalar, "!!str" a forced text.
    const bool quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    value.kind = quoted ? Value::Kind::kString : PlainKind(text);
    Complete(std::move(value), anchor, quoted ? Style::kQuoted : Style::kPlain);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Value::List(), mark, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Value::Map(), mark, anchor);
  }
  void OnMapEnd() override { Close(); }

  std::vector<Value> Take() { return std::move(finished_); }

 private:
  enum class Style : uint8_t { kPlain, kQuoted };

  // A list or map that is still open; of a map, also the key whose value comes next.
  struct Frame {
    Value value;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    std::string key;
    int key_line = 0;
    Style key_style = Style::kPlain;
    std::set<std::string> keys;
    std::vector<Value> merged;
  };

  static int Line(const YAML::Mark& mark) { return mark.is_null() ? 0 : mark.line + 1; }
  static size_t Size(const Value& value) {
    size_t size = 1;
    for (const Value& item : value.items) size += Size(item);
    for (const auto& member : value.members) size += Size(member.value);
    return size;
  }
  void Count(size_t nodes, int line) {
    nodes_ += nodes;
    if (nodes_ > kMaxManifestNodes) throw TooMuch{"the document has too many values", line};
  }

  void Open(Value value, const YAML::Mark& mark, YAML::anchor_t anchor) {
    value.line = Line(mark);
    if (static_cast<int>(stack_.size()) >= kMaxManifestDepth) {
      throw TooMuch{"the document is nested too deeply", value.line};
    }
    Frame frame;
    frame.value = std::move(value);
    frame.anchor = anchor;
    stack_.push_back(std::move(frame));
  }

  void Close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    for (const Value& from : frame.merged) Merge(from, &frame);
    Complete(std::move(frame.value), frame.anchor, Style::kPlain);
  }

  // A whole value: it goes to where it belongs.
  void Complete(Value value, YAML::anchor_t anchor, Style style) {
    Count(1, value.line);
    if (anchor != 0) {
      Count(Size(value), value.line);
      anchors_[anchor] = value;
    }
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& parent = stack_.back();
    if (parent.value.kind == Value::Kind::kList) {
      parent.value.items.push_back(std::move(value));
    } else if (!parent.has_key) {
      TakeKey(value, style, &parent);
    } else {
      TakeMember(std::move(value), &parent);
    }
  }

  void TakeKey(const Value& value, Style style, Frame* map) {
    if (!value.IsScalar()) problems_->push_back({"", "a key must be a plain word", value.line});
    map->has_key = true;
    map->key = value.text;
    map->key_line = value.line;
    map->key_style = style;
  }

  void TakeMember(Value value, Frame* map) {
    map->has_key = false;
    if (map->key == "<<" && map->key_style == Style::kPlain) {
      map->merged.push_back(std::move(value));
    } else if (!map->keys.insert(map->key).second) {
      problems_->push_back({map->key, "stands here twice; remove one of the two", map->key_line});
    } else {
      map->value.members.push_back({map->key, map->key_line, std::move(value)});
    }
  }

  // "<<: *defaults": what is not set here comes from there.
  void Merge(const Value& from, Frame* map) {
    if (from.kind == Value::Kind::kList) {
      for (const Value& item : from.items) Merge(item, map);
    } else if (from.kind == Value::Kind::kMap) {
      for (const auto& member : from.members) {
        if (map->keys.insert(member.key).second) map->value.members.push_back(member);
      }
    } else {
      problems_->push_back({"<<", "must be a map, or a list of maps", from.line});
    }
  }

  std::vector<Problem>* problems_;
  std::vector<Value> finished_;
  Value root_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Value> anchors_;
  size_t nodes_ = 0;
  size_t documents_ = 0;
};

// The line of the first byte that is not UTF-8; 0: there is none.
int LineOfBadUtf8(std::string_view text) {
  int line = 1;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead == '\n') ++line;
    const size_t size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size == 0 || lead > 0xf4 || i + size > text.size()) return line;
    uint32_t code = size == 1 ? lead : lead & (0x7fu >> size);
    for (size_t k = 1; k < size; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return line;
      code = code << 6 | (next & 0x3fu);
    }
    const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return line;
    i += size;
  }
  return 0;
}

std::vector<Value> ReadYaml(std::string_view text, std::vector<Problem>* problems) {
  YamlBuilder builder(problems);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const TooMuch& end) {
    problems->push_back({"", end.what, end.line});
    return {};
  } catch (const YAML::Exception& error) {
    problems->push_back(
        {"", Cat("not YAML: ", error.msg), error.mark.is_null() ? 0 : error.mark.line + 1});
    return {};
  } catch (const std::exception& error) {
    problems->push_back({"", Cat("not YAML: ", std::string_view(error.what())), 0});
    return {};
  }
  return builder.Take();
}

}  // namespace

std::vector<Value> ReadDocuments(std::string_view text, std::vector<Problem>* problems) {
  if (text.size() > kMaxManifestBytes) {
    problems->push_back(
        {"", Cat("the document has ", text.size(), " bytes; the most is ", kMaxManifestBytes), 0});
    return {};
  }
  if (const int line = LineOfBadUtf8(text); line != 0) {
    problems->push_back({"", "the document is not UTF-8 text", line});
    return {};
  }
  const std::string_view trimmed = Trim(text);
  const bool looks_like_json = trimmed.starts_with('{') || trimmed.starts_with('[');
  if (looks_like_json && IsJson(text)) return ReadJson(text, problems);
  std::vector<Value> documents = ReadYaml(text, problems);
  std::erase_if(documents, [](const Value& v) { return v.IsNull(); });
  return documents;
}

}  // namespace hearth::model
