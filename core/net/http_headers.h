#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/http/message.h"

namespace hearth::net {

// Header fields that own their text, in order. For control-plane exchanges, where a message
// outlives the connection's buffer; the data path uses http::HeaderList.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;
  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}
  explicit Headers(const http::HeaderList& list);

  Headers& Add(std::string_view name, std::string_view value);
  Headers& Set(std::string_view name, std::string_view value);  // replaces every one of that name
  std::optional<std::string_view> Find(std::string_view name) const;  // case-insensitive, the first
  // The same, or "" where there is none.
  std::string_view Get(std::string_view name) const { return Find(name).value_or(""); }
  bool empty() const { return fields_.empty(); }
  size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

}  // namespace hearth::net
