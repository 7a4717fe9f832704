#include <yaml-cpp/yaml.h>

#include <set>

#include "core/base/strings.h"
#include "core/model/value.h"
#include "core/model/value_json.h"

namespace hearth::model {
namespace {

// Turns yaml-cpp's nodes into Values. Aliases are copied, so the count bounds what a small text
// with many aliases can grow to.
class YamlReader {
 public:
  explicit YamlReader(std::vector<Problem>* problems) : problems_(problems) {}

  Value Read(const YAML::Node& node, int depth = 0) {
    Value value;
    value.line = LineOf(node);
    if (failed_) return value;
    if (++nodes_ > kMaxManifestNodes) return Fail(value, "the document has too many values");
    if (depth > kMaxManifestDepth) return Fail(value, "the document is nested too deeply");
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        value.text = node.Scalar();
        // "!" marks a quoted scalar, "!!str" a forced text.
        value.kind = node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str"
                         ? Value::Kind::kString
                         : PlainKind(value.text);
        break;
      case YAML::NodeType::Sequence:
        value.kind = Value::Kind::kList;
        for (const auto& item : node) {
          value.items.push_back(Read(item, depth + 1));
          if (failed_) break;
        }
        break;
      case YAML::NodeType::Map:
        ReadMap(node, depth, &value);
        break;
      default:
        break;
    }
    return value;
  }

 private:
  static int LineOf(const YAML::Node& node) {
    const YAML::Mark mark = node.Mark();
    return mark.is_null() ? 0 : mark.line + 1;
  }
  Value Fail(Value value, std::string_view message) {
    if (!failed_) problems_->push_back({"", std::string(message), value.line});
    failed_ = true;
    return value;
  }

  void ReadMap(const YAML::Node& node, int depth, Value* map) {
    map->kind = Value::Kind::kMap;
    std::set<std::string> seen;
    std::vector<Value> merged;
    for (const auto& entry : node) {
      if (failed_) return;
      const int line = LineOf(entry.first);
      if (!entry.first.IsScalar()) {
        problems_->push_back({"", "a key must be a plain word", line});
        continue;
      }
      const std::string key = entry.first.Scalar();
      Value value = Read(entry.second, depth + 1);
      if (key == "<<" && entry.first.Tag() != "!") {
        merged.push_back(std::move(value));
      } else if (!seen.insert(key).second) {
        problems_->push_back({key, "stands here twice; remove one of the two", line});
      } else {
        map->members.push_back({key, line, std::move(value)});
      }
    }
    for (const Value& value : merged) Merge(value, &seen, map);
  }

  // "<<: *defaults": what is not set here comes from there.
  void Merge(const Value& from, std::set<std::string>* seen, Value* map) {
    if (from.kind == Value::Kind::kList) {
      for (const Value& item : from.items) Merge(item, seen, map);
    } else if (from.kind == Value::Kind::kMap) {
      for (const auto& member : from.members) {
        if (seen->insert(member.key).second) map->members.push_back(member);
      }
    } else {
      problems_->push_back({"<<", "must be a map, or a list of maps", from.line});
    }
  }

  std::vector<Problem>* problems_;
  size_t nodes_ = 0;
  bool failed_ = false;
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
  std::vector<Value> documents;
  try {
    for (const auto& node : YAML::LoadAll(std::string(text))) {
      documents.push_back(YamlReader(problems).Read(node));
    }
  } catch (const YAML::Exception& error) {
    problems->push_back(
        {"", Cat("not YAML: ", error.msg), error.mark.is_null() ? 0 : error.mark.line + 1});
    return {};
  } catch (const std::exception& error) {
    problems->push_back({"", Cat("not YAML: ", std::string_view(error.what())), 0});
    return {};
  }
  return documents;
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
