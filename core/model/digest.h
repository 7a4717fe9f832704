#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace hearth::model {

// SHA-256 piece by piece: bundles are larger than what one wants in memory. Belongs to one thread.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void Update(std::string_view bytes);
  std::string Hex();  // 64 lower-case digits; ends the computation

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string Sha256Hex(std::string_view bytes);

// How a bundle is named: "sha256:" and 64 hex digits.
bool IsDigest(std::string_view text);

}  // namespace hearth::model
