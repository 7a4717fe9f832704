#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/validate.h"

namespace hearth::model {

// A document as a tree, whatever it was written in. It exists so that the doors are written once
// for YAML and JSON, and so that every value still knows its line. A plain value without behaviour.
struct Value {
  enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kList, kMap };
  struct Member;

  Kind kind = Kind::kNull;
  int line = 0;                 // 1-based; 0: unknown
  std::string text;             // of scalars, as it was written
  std::vector<Value> items;     // kList
  std::vector<Member> members;  // kMap, in the order of the document, keys unique

  bool IsNull() const { return kind == Kind::kNull; }
  bool IsScalar() const { return kind != Kind::kList && kind != Kind::kMap; }
  const Value* Find(std::string_view key) const;  // nullptr where there is none

  static Value Text(std::string_view text);
  static Value Number(std::string text);
  static Value Bool(bool value);
  static Value List();
  static Value Map();
  void Set(std::string key, Value value);  // appends
};

struct Value::Member {
  std::string key;
  int line = 0;
  Value value;
};

// What a manifest may be at most: beyond these it is refused before anything looks at it.
inline constexpr size_t kMaxManifestBytes = 4u << 20;
inline constexpr size_t kMaxManifestNodes = 100'000;
inline constexpr int kMaxManifestDepth = 64;

// Reads all documents of a text, JSON or YAML. What cannot be read is reported with its line.
std::vector<Value> ReadDocuments(std::string_view text, std::vector<Problem>* problems);
Value FromJson(const nlohmann::json& json);

nlohmann::json ToJson(const Value& value);
std::string ToYaml(const Value& value);

// A plain (unquoted) YAML scalar's kind by the core schema: null, bool, number or text.
Value::Kind PlainKind(std::string_view text);

}  // namespace hearth::model
