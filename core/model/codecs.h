#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/duration.h"
#include "core/base/quantity.h"
#include "core/model/fields.h"
#include "core/model/function.h"
#include "core/model/value.h"

namespace hearth::model {

// How single values are read and written. A reader reports what is wrong (what it must be, what it
// is, how to write it) and then returns nothing.

// "got 5" for scalars, "got a list", "got a map".
std::string Got(const Value& value);

std::optional<std::string> ReadText(const Value&, const std::string& path, ReadContext*);
std::optional<bool> ReadBool(const Value&, const std::string& path, ReadContext*);
std::optional<uint64_t> ReadWhole(const Value&, uint64_t max, const std::string& path,
                                  ReadContext*);
std::optional<double> ReadReal(const Value&, const std::string& path, ReadContext*);
std::optional<Duration> ReadDuration(const Value&, const std::string& path, ReadContext*);
std::optional<uint64_t> ReadBytes(const Value&, const std::string& path, ReadContext*);
// A Kubernetes quantity, as text; a bare number is let pass.
std::optional<std::string> ReadQuantity(const Value&, const std::string& path, ReadContext*);
std::optional<std::vector<std::string>> ReadTexts(const Value&, const std::string& path,
                                                  ReadContext*);
// A list, or one text that is split at white space.
std::optional<std::vector<std::string>> ReadCommand(const Value&, const std::string& path,
                                                    ReadContext*);
enum class Scalars : uint8_t { kTextOnly, kAny };  // kAny: 8080 and true are taken as text
std::optional<std::map<std::string, std::string>> ReadTextMap(const Value&, Scalars scalars,
                                                              const std::string& path,
                                                              ReadContext*);

Value TextsValue(const std::vector<std::string>& texts);
Value TextMapValue(const std::map<std::string, std::string>& texts);

// Fields of a member, by its type. `T` is deduced from the pointer.
struct Doc {
  std::string name;
  std::string default_text;
  std::string text;
};

template <typename T, typename M>
Field<T> MakeField(
    Doc doc, std::string type, M T::*member,
    std::function<std::optional<M>(const Value&, const std::string&, ReadContext*)> read,
    std::function<Value(const M&)> write) {
  Field<T> field{doc.name, std::move(type), doc.default_text, doc.text, nullptr, nullptr, {}};
  field.read = [member, read](const Value& v, const std::string& path, T* out, ReadContext* c) {
    if (auto value = read(v, path, c)) out->*member = std::move(*value);
  };
  field.write = [member, write, name = doc.name](const T& value, const T& base, Value* map) {
    if (!(value.*member == base.*member)) map->Set(name, write(value.*member));
  };
  return field;
}

template <typename T>
Field<T> TextField(Doc doc, std::string T::*member) {
  return MakeField<T, std::string>(std::move(doc), "text", member, ReadText,
                                   [](const std::string& s) { return Value::Text(s); });
}

template <typename T>
Field<T> QuantityField(Doc doc, std::string T::*member) {
  return MakeField<T, std::string>(std::move(doc), "quantity", member, ReadQuantity,
                                   [](const std::string& s) { return Value::Text(s); });
}

template <typename T>
Field<T> BoolField(Doc doc, bool T::*member) {
  return MakeField<T, bool>(std::move(doc), "true or false", member, ReadBool,
                            [](const bool& b) { return Value::Bool(b); });
}

template <typename T, typename N>
Field<T> WholeField(Doc doc, N T::*member) {
  return MakeField<T, N>(
      std::move(doc), "whole number", member,
      [](const Value& v, const std::string& path, ReadContext* c) -> std::optional<N> {
        const auto n = ReadWhole(v, std::numeric_limits<N>::max(), path, c);
        if (!n) return std::nullopt;
        return static_cast<N>(*n);
      },
      [](const N& n) { return Value::Number(Cat(n)); });
}

template <typename T>
Field<T> BytesField(Doc doc, uint64_t T::*member) {
  return MakeField<T, uint64_t>(std::move(doc), "quantity of bytes", member, ReadBytes,
                                [](const uint64_t& n) { return Value::Text(FormatBytes(n)); });
}

template <typename T>
Field<T> DurationField(Doc doc, Duration T::*member) {
  return MakeField<T, Duration>(std::move(doc), "duration", member, ReadDuration,
                                [](const Duration& d) { return Value::Text(FormatDuration(d)); });
}

template <typename T>
Field<T> TextsField(Doc doc, std::vector<std::string> T::*member) {
  return MakeField<T, std::vector<std::string>>(std::move(doc), "list of texts", member, ReadTexts,
                                                TextsValue);
}

template <typename T>
Field<T> TextMapField(Doc doc, std::map<std::string, std::string> T::*member, Scalars scalars) {
  return MakeField<T, std::map<std::string, std::string>>(
      std::move(doc), "map of texts", member,
      [scalars](const Value& v, const std::string& path, ReadContext* c) {
        return ReadTextMap(v, scalars, path, c);
      },
      TextMapValue);
}

// One of a few words. `all` holds every value, `name` its word.
template <typename T, typename E>
Field<T> WordField(Doc doc, E T::*member, std::vector<std::pair<std::string, E>> all) {
  std::vector<std::string> words;
  for (const auto& entry : all) words.push_back(entry.first);
  auto read = [all, words](const Value& v, const std::string& path,
                           ReadContext* c) -> std::optional<E> {
    for (const auto& [word, value] : all) {
      if (v.kind == Value::Kind::kString && v.text == word) return value;
    }
    c->Add(path, Cat("must be one of ", Join(words, ", "), "; ", Got(v), Suggestion(v.text, words)),
           v.line);
    return std::nullopt;
  };
  auto write = [all](const E& value) {
    for (const auto& [word, other] : all) {
      if (value == other) return Value::Text(word);
    }
    return Value{};
  };
  return MakeField<T, E>(std::move(doc), Join(words, ", "), member, read, write);
}

// A map with fields of its own, described by another table (which must outlive this one).
template <typename T, typename M>
Field<T> ObjectField(Doc doc, M T::*member, const FieldTable<M>* table) {
  Field<T> field{doc.name, "map", doc.default_text, doc.text, nullptr, nullptr, table->docs()};
  field.read = [member, table](const Value& v, const std::string& path, T* out, ReadContext* c) {
    table->Read(v, path, &(out->*member), c);
  };
  field.write = [member, table, name = doc.name](const T& value, const T& base, Value* map) {
    Value object = table->Write(value.*member, base.*member);
    if (!object.members.empty()) map->Set(name, std::move(object));
  };
  return field;
}

}  // namespace hearth::model
