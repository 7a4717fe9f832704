#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace hearth {

// A JSON value, so that a small function needs no library. It is a plain value: copy it, keep it.
// Whoever wants more uses a JSON library of his own with the handler that takes text (hearth.h).
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::map<std::string, Json, std::less<>>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(static_cast<int64_t>(value)) {}
  Json(unsigned value) : value_(static_cast<int64_t>(value)) {}
  Json(long value) : value_(static_cast<int64_t>(value)) {}
  Json(long long value) : value_(static_cast<int64_t>(value)) {}
  Json(unsigned long value) : value_(static_cast<int64_t>(value)) {}
  Json(unsigned long long value) : value_(static_cast<int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  // Json::object({{"a", 1}, {"b", "two"}}) and Json::array({1, "two"}).
  static Json object(std::initializer_list<std::pair<const std::string, Json>> members = {}) {
    return Json(Object(members.begin(), members.end()));
  }
  static Json array(std::initializer_list<Json> items = {}) {
    return Json(Array(items.begin(), items.end()));
  }

  // Throws std::invalid_argument, with the offset of the mistake.
  static Json Parse(std::string_view text);

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_number() const {
    return std::holds_alternative<int64_t>(value_) || std::holds_alternative<double>(value_);
  }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // The value, or the default where it is of another kind.
  std::string str(std::string_view otherwise = "") const {
    const auto* text = std::get_if<std::string>(&value_);
    return text ? *text : std::string(otherwise);
  }
  int64_t integer(int64_t otherwise = 0) const {
    if (const auto* whole = std::get_if<int64_t>(&value_)) return *whole;
    const auto* real = std::get_if<double>(&value_);
    return real && std::fabs(*real) < 9e18 ? static_cast<int64_t>(*real) : otherwise;
  }
  double number(double otherwise = 0) const {
    if (const auto* real = std::get_if<double>(&value_)) return *real;
    const auto* whole = std::get_if<int64_t>(&value_);
    return whole ? static_cast<double>(*whole) : otherwise;
  }
  bool boolean(bool otherwise = false) const {
    const auto* truth = std::get_if<bool>(&value_);
    return truth ? *truth : otherwise;
  }
  const Array& items() const {
    static const Array kNone;
    const auto* array = std::get_if<Array>(&value_);
    return array ? *array : kNone;
  }
  const Object& members() const {
    static const Object kNone;
    const auto* object = std::get_if<Object>(&value_);
    return object ? *object : kNone;
  }

  // A member of an object; null where there is none.
  const Json& operator[](std::string_view name) const {
    static const Json kNull;
    const Object& object = members();
    auto found = object.find(name);
    return found == object.end() ? kNull : found->second;
  }
  const Json& operator[](const char* name) const { return (*this)[std::string_view(name)]; }
  const Json& at(size_t index) const { return items().at(index); }

  // Makes this an object or an array, if it is none.
  Json& set(std::string name, Json value) {
    if (!is_object()) value_ = Object();
    std::get<Object>(value_).insert_or_assign(std::move(name), std::move(value));
    return *this;
  }
  Json& push(Json value) {
    if (!is_array()) value_ = Array();
    std::get<Array>(value_).push_back(std::move(value));
    return *this;
  }

  std::string Dump() const {
    std::string out;
    Write(out);
    return out;
  }

  static void Quote(std::string_view text, std::string& out);

 private:
  void Write(std::string& out) const;

  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> value_;
};

namespace internal {

// A recursive-descent parser (RFC 8259). Depth is bounded, so that no event can exhaust the stack.
class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : text_(text) {}

  Json Document() {
    Json value = Value(0);
    Space();
    if (at_ != text_.size()) Fail("more text after the value");
    return value;
  }

 private:
  static constexpr int kMaxDepth = 500;

  [[noreturn]] void Fail(const char* what) const {
    throw std::invalid_argument("not JSON: " + std::string(what) + " at offset " + std::to_string(at_));
  }

  void Space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' ||
                                  text_[at_] == '\r')) {
      ++at_;
    }
  }

  bool Take(char wanted) {
    Space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  bool Word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Json Value(int depth) {
    if (depth > kMaxDepth) Fail("nested too deeply");
    Space();
    if (at_ >= text_.size()) Fail("it ends too early");
    switch (text_[at_]) {
      case '{': return ObjectValue(depth);
      case '[': return ArrayValue(depth);
      case '"': return Json(String());
      case 't': if (Word("true")) return Json(true); break;
      case 'f': if (Word("false")) return Json(false); break;
      case 'n': if (Word("null")) return Json(); break;
      default: return Number();
    }
    Fail("unknown word");
  }

  Json ObjectValue(int depth) {
    ++at_;
    Json::Object members;
    if (Take('}')) return Json(std::move(members));
    do {
      Space();
      if (at_ >= text_.size() || text_[at_] != '"') Fail("expected a member's name");
      std::string name = String();
      if (!Take(':')) Fail("expected ':'");
      members.insert_or_assign(std::move(name), Value(depth + 1));
    } while (Take(','));
    if (!Take('}')) Fail("expected ',' or '}'");
    return Json(std::move(members));
  }

  Json ArrayValue(int depth) {
    ++at_;
    Json::Array items;
    if (Take(']')) return Json(std::move(items));
    do {
      items.push_back(Value(depth + 1));
    } while (Take(','));
    if (!Take(']')) Fail("expected ',' or ']'");
    return Json(std::move(items));
  }

  Json Number() {
    const size_t start = at_;
    bool whole = true;
    if (at_ < text_.size() && text_[at_] == '-') ++at_;
    const size_t digits = at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '.' || c == 'e' || c == 'E') whole = false;
      else if (!(c >= '0' && c <= '9') && !(!whole && (c == '+' || c == '-'))) break;
      ++at_;
    }
    const char* begin = text_.data() + start;
    const char* end = text_.data() + at_;
    const bool leading_zero = at_ - digits > 1 && text_[digits] == '0' && text_[digits + 1] >= '0' &&
                              text_[digits + 1] <= '9';
    if (at_ == digits || leading_zero || text_[digits] < '0' || text_[digits] > '9' || end[-1] < '0') {
      at_ = start;
      Fail("unexpected character");
    }
    if (whole) {
      int64_t value = 0;
      if (auto done = std::from_chars(begin, end, value); done.ec == std::errc() && done.ptr == end) {
        return Json(static_cast<long long>(value));
      }
    }
    double value = 0;
    auto done = std::from_chars(begin, end, value);
    if (done.ptr != end) Fail("bad number");
    return Json(value);
  }

  unsigned Hex4() {
    unsigned code = 0;
    if (at_ + 4 > text_.size()) Fail("bad \\u escape");
    const char* begin = text_.data() + at_;
    if (auto done = std::from_chars(begin, begin + 4, code, 16); done.ptr != begin + 4) Fail("bad \\u escape");
    at_ += 4;
    return code;
  }

  static void AppendUtf8(unsigned code, std::string& out) {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | (code >> 12));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | (code >> 18));
      out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }

  void Escape(std::string& out) {
    if (at_ >= text_.size()) Fail("a string does not end");
    const char c = text_[at_++];
    switch (c) {
      case '"': case '\\': case '/': out += c; return;
      case 'b': out += '\b'; return;
      case 'f': out += '\f'; return;
      case 'n': out += '\n'; return;
      case 'r': out += '\r'; return;
      case 't': out += '\t'; return;
      case 'u': break;
      default: Fail("unknown escape");
    }
    unsigned code = Hex4();
    if (code >= 0xD800 && code < 0xDC00 && Word("\\u")) {
      const unsigned low = Hex4();
      if (low < 0xDC00 || low > 0xDFFF) Fail("bad surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xD800 && code <= 0xDFFF) {
      code = 0xFFFD;  // half a pair stands for no character
    }
    AppendUtf8(code, out);
  }

  std::string String() {
    ++at_;
    std::string out;
    for (;;) {
      const size_t plain = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<unsigned char>(text_[at_]) >= 0x20) {
        ++at_;
      }
      out.append(text_.substr(plain, at_ - plain));
      if (at_ >= text_.size()) Fail("a string does not end");
      const char c = text_[at_];
      if (c != '"' && c != '\\') Fail("a control character in a string");
      ++at_;
      if (c == '"') return out;
      Escape(out);
    }
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace internal

inline Json Json::Parse(std::string_view text) { return internal::JsonParser(text).Document(); }

inline void Json::Quote(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out.reserve(out.size() + text.size() + 2);
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[(c >> 4) & 0xF];
          out += kHex[c & 0xF];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

inline void Json::Write(std::string& out) const {
  if (is_null()) {
    out += "null";
  } else if (const auto* truth = std::get_if<bool>(&value_)) {
    out += *truth ? "true" : "false";
  } else if (const auto* whole = std::get_if<int64_t>(&value_)) {
    out += std::to_string(*whole);
  } else if (const auto* real = std::get_if<double>(&value_)) {
    if (!std::isfinite(*real)) throw std::invalid_argument("JSON has no number for NaN or infinity");
    char buffer[32];
    out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, *real).ptr);
  } else if (const auto* text = std::get_if<std::string>(&value_)) {
    Quote(*text, out);
  } else if (is_array()) {
    char separator = '[';
    for (const Json& item : items()) {
      out += separator;
      item.Write(out);
      separator = ',';
    }
    out += items().empty() ? "[]" : "]";
  } else {
    char separator = '{';
    for (const auto& [name, value] : members()) {
      out += separator;
      Quote(name, out);
      out += ':';
      value.Write(out);
      separator = ',';
    }
    out += members().empty() ? "{}" : "}";
  }
}

}  // namespace hearth
