#include "core/model/value_json.h"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <iterator>

#include "core/base/strings.h"

namespace hearth::model {
namespace {

using Json = nlohmann::json;

// Hands the parser its text and counts the lines that it has consumed.
class LineCounter {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  LineCounter(const char* at, int* line) : at_(at), line_(line) {}
  reference operator*() const { return *at_; }
  LineCounter& operator++() {
    if (*at_ == '\n') ++*line_;
    ++at_;
    return *this;
  }
  LineCounter operator++(int) {
    LineCounter before = *this;
    ++*this;
    return before;
  }
  bool operator==(const LineCounter& other) const { return at_ == other.at_; }
  bool operator!=(const LineCounter& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  int* line_;
};

// Builds the tree. The parser keeps its own stack, so that depth costs no stack of ours.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(const int* line, std::vector<Problem>* problems) : line_(line), problems_(problems) {}

  bool null() override { return Add(Value{}); }
  bool boolean(bool value) override { return Add(Value::Bool(value)); }
  bool number_integer(number_integer_t value) override { return Add(Value::Number(Cat(value))); }
  bool number_unsigned(number_unsigned_t value) override { return Add(Value::Number(Cat(value))); }
  bool number_float(number_float_t, const string_t& text) override {
    return Add(Value::Number(text));
  }
  bool string(string_t& text) override { return Add(Value::Text(text)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(Value::Map()); }
  bool key(string_t& name) override {
    Value& map = *stack_.back();
    if (map.Find(name) != nullptr) {
      problems_->push_back({name, "stands here twice; remove one of the two", *line_});
      return false;
    }
    map.members.push_back({name, *line_, Value{}});
    return true;
  }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(Value::List()); }
  bool end_array() override { return Close(); }
  bool parse_error(size_t, const std::string&, const Json::exception& error) override {
    std::string what = error.what();
    const size_t detail = what.rfind(": ");
    problems_->push_back(
        {"", Cat("not JSON: ", detail == std::string::npos ? what : what.substr(detail + 2)),
         *line_});
    return false;
  }

  Value& root() { return root_; }

 private:
  Value* Place(Value value) {
    value.line = *line_;
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Value& parent = *stack_.back();
    if (parent.kind == Value::Kind::kList) {
      parent.items.push_back(std::move(value));
      return &parent.items.back();
    }
    value.line = parent.members.back().line;
    parent.members.back().value = std::move(value);
    return &parent.members.back().value;
  }
  bool Add(Value value) {
    if (++nodes_ > kMaxManifestNodes) return Refuse("has too many values");
    Place(std::move(value));
    return true;
  }
  bool Open(Value value) {
    if (++nodes_ > kMaxManifestNodes) return Refuse("has too many values");
    if (static_cast<int>(stack_.size()) >= kMaxManifestDepth) return Refuse("is nested too deeply");
    // Only the innermost container grows while its pointer is on the stack.
    stack_.push_back(Place(std::move(value)));
    return true;
  }
  bool Close() {
    stack_.pop_back();
    return true;
  }
  bool Refuse(std::string_view why) {
    problems_->push_back({"", Cat("the document ", why), *line_});
    return false;
  }

  const int* line_;
  std::vector<Problem>* problems_;
  Value root_;
  std::vector<Value*> stack_;
  size_t nodes_ = 0;
};

}  // namespace

std::vector<Value> ReadJson(std::string_view text, std::vector<Problem>* problems) {
  int line = 1;
  Builder builder(&line, problems);
  const LineCounter begin(text.data(), &line), end(text.data() + text.size(), &line);
  const bool ok = Json::sax_parse(begin, end, &builder);
  if (!ok) {
    if (problems->empty()) problems->push_back({"", "not JSON", line});
    return {};
  }
  std::vector<Value> documents;
  documents.push_back(std::move(builder.root()));
  return documents;
}

bool IsJson(std::string_view text) { return Json::accept(text.begin(), text.end()); }

Value FromJson(const Json& json) {
  if (json.is_boolean()) return Value::Bool(json.get<bool>());
  if (json.is_number()) return Value::Number(json.dump());
  if (json.is_string()) return Value::Text(json.get_ref<const std::string&>());
  if (json.is_array()) {
    Value list = Value::List();
    for (const auto& item : json) list.items.push_back(FromJson(item));
    return list;
  }
  if (json.is_object()) {
    Value map = Value::Map();
    for (const auto& [key, value] : json.items()) map.Set(key, FromJson(value));
    return map;
  }
  return Value{};
}

Json ToJson(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return nullptr;
    case Value::Kind::kBool:
      return value.text == "true" || value.text == "True" || value.text == "TRUE";
    case Value::Kind::kNumber: {
      if (const auto integer = ParseInt(value.text)) return *integer;
      if (const auto natural = ParseUint(value.text)) return *natural;
      return std::strtod(value.text.c_str(), nullptr);
    }
    case Value::Kind::kString:
      return value.text;
    case Value::Kind::kList: {
      Json list = Json::array();
      for (const auto& item : value.items) list.push_back(ToJson(item));
      return list;
    }
    case Value::Kind::kMap: {
      Json map = Json::object();
      for (const auto& member : value.members) map[member.key] = ToJson(member.value);
      return map;
    }
  }
  return nullptr;
}

}  // namespace hearth::model
