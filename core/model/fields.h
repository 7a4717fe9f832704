#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/strings.h"
#include "core/model/value.h"

namespace hearth::model {

// What reading one document knows: where problems go, and on which line each field stands, so that
// Validate's findings can name a line as well.
struct ReadContext {
  std::vector<Problem>* problems = nullptr;
  std::map<std::string, int> lines;  // path of every field that was given → its line

  bool Has(const std::string& path) const { return lines.contains(path); }
  void Add(std::string path, std::string message, int line) {
    problems->push_back({std::move(path), std::move(message), line});
  }
};

// One row of the reference: where a field stands, what it may be, what it means.
struct FieldDoc {
  std::string path;  // "scaling.min"
  std::string type;
  std::string default_text;
  std::string text;
};

// A field of T, described once: from the description come parsing, suggestions for misspelt names,
// serialisation and documentation.
template <typename T>
struct Field {
  std::string name;
  std::string type;
  std::string default_text;
  std::string text;
  std::function<void(const Value&, const std::string& path, T*, ReadContext*)> read;
  // Appends the field to `map` where its value differs from the one in `base`.
  std::function<void(const T& value, const T& base, Value* map)> write;
  std::vector<FieldDoc> children;  // of an object
};

// "is not a field of spec (did you mean "timeout"?)", or where a field of that name belongs.
std::string UnknownFieldMessage(std::string_view name, const std::vector<std::string>& known,
                                const std::vector<FieldDoc>& everywhere);

// All fields of T, in the order in which they are written. Immutable once it is made.
template <typename T>
class FieldTable {
 public:
  // Takes keys that no field names; false: not acceptable.
  using Extra = std::function<bool(const std::string& key, const Value&, const std::string& path,
                                   T*, ReadContext*)>;

  explicit FieldTable(std::vector<Field<T>> fields, Extra extra = nullptr)
      : fields_(std::move(fields)), extra_(std::move(extra)) {
    for (const auto& field : fields_) {
      names_.push_back(field.name);
      docs_.push_back({field.name, field.type, field.default_text, field.text});
      for (FieldDoc child : field.children) {
        child.path = field.name + "." + child.path;
        docs_.push_back(std::move(child));
      }
    }
  }

  void Read(const Value& value, const std::string& path, T* out, ReadContext* context) const {
    if (value.kind != Value::Kind::kMap) {
      context->Add(path, "must be a map of fields", value.line);
      return;
    }
    for (const auto& member : value.members) {
      const std::string at = path.empty() ? member.key : path + "." + member.key;
      const Field<T>* field = Find(member.key);
      if (field != nullptr && field->read != nullptr) {
        if (member.value.IsNull()) continue;  // as if it were not there
        context->lines[at] = member.line;
        field->read(member.value, at, out, context);
      } else if (extra_ == nullptr || !extra_(member.key, member.value, at, out, context)) {
        context->Add(at, UnknownFieldMessage(member.key, names_, docs_), member.line);
      }
    }
  }

  Value Write(const T& value, const T& base) const {
    Value map = Value::Map();
    for (const auto& field : fields_) {
      if (field.write != nullptr) field.write(value, base, &map);
    }
    return map;
  }

  const std::vector<FieldDoc>& docs() const { return docs_; }

 private:
  const Field<T>* Find(const std::string& name) const {
    for (const auto& field : fields_) {
      if (field.name == name) return &field;
    }
    return nullptr;
  }

  std::vector<Field<T>> fields_;
  Extra extra_;
  std::vector<std::string> names_;
  std::vector<FieldDoc> docs_;
};

}  // namespace hearth::model
