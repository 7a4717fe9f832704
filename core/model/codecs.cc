#include "core/model/codecs.h"

#include "core/base/absl_compat.h"

namespace hearth::model {
namespace {

// What a scalar must look like to be taken as text without quotes.
std::string Quoted(const Value& value) { return Cat("write \"", value.text, "\" in quotes"); }

}  // namespace

std::string Got(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return "got nothing";
    case Value::Kind::kList:
      return "got a list";
    case Value::Kind::kMap:
      return "got a map";
    case Value::Kind::kString:
      return Cat("got \"", value.text.substr(0, 80), "\"");
    default:
      return Cat("got ", value.text.substr(0, 80));
  }
}

std::optional<std::string> ReadText(const Value& v, const std::string& path, ReadContext* c) {
  if (v.kind == Value::Kind::kString) return v.text;
  if (v.kind == Value::Kind::kBool || v.kind == Value::Kind::kNumber) {
    c->Add(path, Cat("must be text; ", Quoted(v)), v.line);
  } else {
    c->Add(path, Cat("must be text; ", Got(v)), v.line);
  }
  return std::nullopt;
}

std::optional<bool> ReadBool(const Value& v, const std::string& path, ReadContext* c) {
  if (v.kind == Value::Kind::kBool) return v.text.front() == 't' || v.text.front() == 'T';
  c->Add(path, Cat("must be true or false; ", Got(v)), v.line);
  return std::nullopt;
}

std::optional<uint64_t> ReadWhole(const Value& v, uint64_t max, const std::string& path,
                                  ReadContext* c) {
  if (v.kind == Value::Kind::kNumber) {
    const auto n = ParseUint(v.text);
    if (n && *n <= max) return n;
  }
  c->Add(path, Cat("must be a whole number from 0 to ", max, "; ", Got(v)), v.line);
  return std::nullopt;
}

std::optional<double> ReadReal(const Value& v, const std::string& path, ReadContext* c) {
  if (v.kind == Value::Kind::kNumber) {
    if (const auto n = ParseDouble(v.text)) return n;
  }
  c->Add(path, Cat("must be a number; ", Got(v)), v.line);
  return std::nullopt;
}

std::optional<Duration> ReadDuration(const Value& v, const std::string& path, ReadContext* c) {
  if (v.kind == Value::Kind::kNumber) {
    c->Add(path, Cat("has no unit; write \"", v.text, "s\" for seconds"), v.line);
    return std::nullopt;
  }
  if (v.kind == Value::Kind::kString) {
    if (auto d = ParseDuration(v.text); d.ok()) return *d;
  }
  c->Add(path, Cat("must be a duration such as \"30s\", \"1m30s\" or \"500ms\"; ", Got(v)), v.line);
  return std::nullopt;
}

std::optional<uint64_t> ReadBytes(const Value& v, const std::string& path, ReadContext* c) {
  if (v.kind == Value::Kind::kString || v.kind == Value::Kind::kNumber) {
    if (auto n = ParseBytes(v.text); n.ok()) return *n;
  }
  c->Add(path, Cat("must be a size such as \"6Mi\" or \"500K\"; ", Got(v)), v.line);
  return std::nullopt;
}

std::optional<std::string> ReadQuantity(const Value& v, const std::string& path, ReadContext* c) {
  if (v.kind == Value::Kind::kString || v.kind == Value::Kind::kNumber) return v.text;
  c->Add(path, Cat("must be a quantity such as \"256Mi\" or \"500m\"; ", Got(v)), v.line);
  return std::nullopt;
}

std::optional<std::vector<std::string>> ReadTexts(const Value& v, const std::string& path,
                                                  ReadContext* c) {
  if (v.kind != Value::Kind::kList) {
    c->Add(path, Cat("must be a list; ", Got(v), v.IsScalar() ? Cat("; write [", v.text, "]") : ""),
           v.line);
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (size_t i = 0; i < v.items.size(); ++i) {
    const std::string at = Cat(path, "[", i, "]");
    c->lines[at] = v.items[i].line;
    if (auto text = ReadText(v.items[i], at, c)) texts.push_back(std::move(*text));
  }
  return texts;
}

std::optional<std::vector<std::string>> ReadCommand(const Value& v, const std::string& path,
                                                    ReadContext* c) {
  if (v.kind != Value::Kind::kString) return ReadTexts(v, path, c);
  std::vector<std::string> words;
  for (std::string_view word : SplitFields(v.text)) words.emplace_back(word);
  return words;
}

std::optional<std::map<std::string, std::string>> ReadTextMap(const Value& v, Scalars scalars,
                                                              const std::string& path,
                                                              ReadContext* c) {
  if (v.kind != Value::Kind::kMap) {
    c->Add(path, Cat("must be a map of NAME: value; ", Got(v)), v.line);
    return std::nullopt;
  }
  std::map<std::string, std::string> texts;
  for (const auto& member : v.members) {
    const std::string at = Cat(path, ".", member.key);
    c->lines[at] = member.line;
    if (scalars == Scalars::kAny && member.value.IsScalar()) {
      texts[member.key] = member.value.IsNull() ? "" : member.value.text;
    } else if (auto text = ReadText(member.value, at, c)) {
      texts[member.key] = std::move(*text);
    }
  }
  return texts;
}

Value TextsValue(const std::vector<std::string>& texts) {
  Value list = Value::List();
  for (const auto& text : texts) list.items.push_back(Value::Text(text));
  return list;
}

Value TextMapValue(const std::map<std::string, std::string>& texts) {
  Value map = Value::Map();
  for (const auto& [key, text] : texts) map.Set(key, Value::Text(text));
  return map;
}

}  // namespace hearth::model
