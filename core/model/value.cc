#include "core/model/value.h"

#include <algorithm>

#include "core/base/json_escape.h"
#include "core/base/strings.h"

namespace hearth::model {
namespace {

bool IsDigits(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsNumber(std::string_view s) {
  if (!s.empty() && (s.front() == '-' || s.front() == '+')) s.remove_prefix(1);
  const size_t exponent = s.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    std::string_view power = s.substr(exponent + 1);
    if (!power.empty() && (power.front() == '-' || power.front() == '+')) power.remove_prefix(1);
    if (!IsDigits(power)) return false;
    s = s.substr(0, exponent);
  }
  const size_t dot = s.find('.');
  if (dot == std::string_view::npos) return IsDigits(s);
  const std::string_view whole = s.substr(0, dot), fraction = s.substr(dot + 1);
  return (IsDigits(whole) && (fraction.empty() || IsDigits(fraction))) ||
         (whole.empty() && IsDigits(fraction));
}

bool IsPlainSafe(std::string_view s) {
  if (s.empty() || PlainKind(s) != Value::Kind::kString) return false;
  const auto word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '/';
  };
  // Booleans of older YAML readers.
  for (std::string_view other : {"yes", "no", "on", "off", "y", "n"}) {
    if (EqualsIgnoreAsciiCase(s, other)) return false;
  }
  // A leading dot or digit may be some other type in another YAML reader.
  return word(s.front()) && s.front() != '.' && !(s.front() >= '0' && s.front() <= '9') &&
         std::all_of(s.begin(), s.end(), [&](char c) { return word(c) || c == '-'; });
}

// A literal block reads back exactly only for such a text.
bool IsLiteralSafe(std::string_view s) {
  if (s.size() < 2 || s.back() != '\n' || s[s.size() - 2] == '\n') return false;
  if (s.front() == ' ' || s.front() == '\n' || s.front() == '\t') return false;
  for (std::string_view line : Split(s, '\n')) {
    if (!line.empty() && line.find_first_not_of(' ') == std::string_view::npos) return false;
  }
  return std::none_of(s.begin(), s.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && c != '\n') || u >= 0x7f;
  });
}

std::string YamlScalar(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
    case Value::Kind::kNumber:
      return value.text;
    default:
      return IsPlainSafe(value.text) ? value.text : JsonString(value.text);
  }
}

void AppendYaml(std::string* out, const Value& value, int indent);

// The value after "key:" or "-": on the same line where it is short, else on the lines below.
void AppendYamlNested(std::string* out, const Value& value, int indent) {
  const std::string margin(static_cast<size_t>(indent), ' ');
  if (value.kind == Value::Kind::kMap) {
    if (value.members.empty()) {
      *out += " {}\n";
      return;
    }
    *out += "\n";
    AppendYaml(out, value, indent);
  } else if (value.kind == Value::Kind::kList) {
    if (value.items.empty()) {
      *out += " []\n";
      return;
    }
    *out += "\n";
    AppendYaml(out, value, indent);
  } else if (value.kind == Value::Kind::kString && IsLiteralSafe(value.text)) {
    *out += " |\n";
    const std::string_view lines(value.text.data(), value.text.size() - 1);
    for (std::string_view line : Split(lines, '\n')) {
      *out += line.empty() ? std::string("\n") : Cat(margin, line, "\n");
    }
  } else {
    *out += Cat(" ", YamlScalar(value), "\n");
  }
}

void AppendYaml(std::string* out, const Value& value, int indent) {
  const std::string margin(static_cast<size_t>(indent), ' ');
  if (value.kind == Value::Kind::kMap) {
    for (const auto& member : value.members) {
      *out += Cat(margin, YamlScalar(Value::Text(member.key)), ":");
      AppendYamlNested(out, member.value, indent + 2);
    }
  } else if (value.kind == Value::Kind::kList) {
    for (const auto& item : value.items) {
      *out += Cat(margin, "-");
      AppendYamlNested(out, item, indent + 2);
    }
  } else {
    *out += Cat(margin, YamlScalar(value), "\n");
  }
}

}  // namespace

Value::Kind PlainKind(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return Value::Kind::kNull;
  }
  for (std::string_view word : {"true", "True", "TRUE", "false", "False", "FALSE"}) {
    if (text == word) return Value::Kind::kBool;
  }
  return IsNumber(text) ? Value::Kind::kNumber : Value::Kind::kString;
}

const Value* Value::Find(std::string_view key) const {
  for (const auto& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

Value Value::Text(std::string_view text) {
  Value v;
  v.kind = Kind::kString;
  v.text = text;
  return v;
}

Value Value::Number(std::string text) {
  Value v;
  v.kind = Kind::kNumber;
  v.text = std::move(text);
  return v;
}

Value Value::Bool(bool value) {
  Value v;
  v.kind = Kind::kBool;
  v.text = value ? "true" : "false";
  return v;
}

Value Value::List() {
  Value v;
  v.kind = Kind::kList;
  return v;
}

Value Value::Map() {
  Value v;
  v.kind = Kind::kMap;
  return v;
}

void Value::Set(std::string key, Value value) {
  members.push_back({std::move(key), 0, std::move(value)});
}

std::string ToYaml(const Value& value) {
  std::string out;
  AppendYaml(&out, value, 0);
  return out;
}

}  // namespace hearth::model
