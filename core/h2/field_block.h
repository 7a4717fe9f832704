#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::h2 {

// The fields of one HTTP/2 header block, in order, pseudo-fields included, in one piece of memory.
// It exists so that a block can be judged and translated apart from the session that received it. A
// value; views into it are valid until it changes.
class FieldBlock {
 public:
  struct Field {
    std::string_view name;  // lower case
    std::string_view value;
  };

  size_t size() const { return spans_.size(); }
  bool empty() const { return spans_.empty(); }
  Field operator[](size_t i) const;
  // The first field of that name, or an empty view.
  std::string_view Find(std::string_view name) const;
  bool Has(std::string_view name) const { return IndexOf(name) != kNone; }

  void Add(std::string_view name, std::string_view value);
  void AddLowered(std::string_view name, std::string_view value);  // writes the name in lower case
  void Set(std::string_view name, std::string_view value);         // replaces the first, or adds
  void Remove(std::string_view name);                              // all of that name
  void Clear();  // keeps its memory where it is small

  // As SETTINGS_MAX_HEADER_LIST_SIZE counts: 32 bytes a field beside the text.
  size_t weight() const { return text_.size() + 32 * spans_.size(); }

 private:
  static constexpr size_t kNone = SIZE_MAX;
  struct Span {
    uint32_t name;
    uint32_t name_size;
    uint32_t value;
    uint32_t value_size;
  };
  size_t IndexOf(std::string_view name) const;
  std::string text_;
  std::vector<Span> spans_;
};

}  // namespace hearth::h2
