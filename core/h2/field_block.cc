#include "core/h2/field_block.h"

#include <algorithm>

namespace hearth::h2 {
namespace {

constexpr size_t kKept = 4096;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

FieldBlock::Field FieldBlock::operator[](size_t i) const {
  const Span& span = spans_[i];
  const std::string_view text(text_);
  return {text.substr(span.name, span.name_size), text.substr(span.value, span.value_size)};
}

size_t FieldBlock::IndexOf(std::string_view name) const {
  for (size_t i = 0; i < spans_.size(); ++i) {
    if ((*this)[i].name == name) return i;
  }
  return kNone;
}

std::string_view FieldBlock::Find(std::string_view name) const {
  const size_t i = IndexOf(name);
  return i == kNone ? std::string_view() : (*this)[i].value;
}

void FieldBlock::Add(std::string_view name, std::string_view value) {
  const auto at = static_cast<uint32_t>(text_.size());
  const auto name_size = static_cast<uint32_t>(name.size());
  spans_.push_back({at, name_size, at + name_size, static_cast<uint32_t>(value.size())});
  text_.append(name).append(value);
}

void FieldBlock::AddLowered(std::string_view name, std::string_view value) {
  const size_t at = text_.size();
  Add(name, value);
  std::transform(text_.begin() + static_cast<std::ptrdiff_t>(at),
                 text_.begin() + static_cast<std::ptrdiff_t>(at + name.size()),
                 text_.begin() + static_cast<std::ptrdiff_t>(at), Lower);
}

void FieldBlock::Set(std::string_view name, std::string_view value) {
  const size_t i = IndexOf(name);
  if (i == kNone) return Add(name, value);
  spans_[i].value = static_cast<uint32_t>(text_.size());
  spans_[i].value_size = static_cast<uint32_t>(value.size());
  text_.append(value);
}

void FieldBlock::Remove(std::string_view name) {
  for (size_t i = spans_.size(); i-- > 0;) {
    if ((*this)[i].name == name) spans_.erase(spans_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void FieldBlock::Clear() {
  text_.clear();
  spans_.clear();
  if (text_.capacity() > kKept) {
    std::string().swap(text_);
    std::vector<Span>().swap(spans_);
  }
}

}  // namespace hearth::h2
