#pragma once

#include <utility>

namespace hearth::net {

// Tells code that calls out of an object whether the callback destroyed that object. The object
// holds a Lifetime; around the call stands an AliveCheck on the stack. Nests. One thread.
class Lifetime {
 public:
  Lifetime() = default;
  Lifetime(const Lifetime&) = delete;
  Lifetime& operator=(const Lifetime&) = delete;
  ~Lifetime() {
    if (destroyed_ != nullptr) *destroyed_ = true;
  }

 private:
  friend class AliveCheck;
  bool* destroyed_ = nullptr;
};

class AliveCheck {
 public:
  explicit AliveCheck(Lifetime& lifetime)
      : lifetime_(&lifetime), outer_(std::exchange(lifetime.destroyed_, &destroyed_)) {}
  AliveCheck(const AliveCheck&) = delete;
  AliveCheck& operator=(const AliveCheck&) = delete;
  ~AliveCheck() {
    if (!destroyed_) {
      lifetime_->destroyed_ = outer_;
    } else if (outer_ != nullptr) {
      *outer_ = true;
    }
  }
  bool alive() const { return !destroyed_; }

 private:
  bool destroyed_ = false;
  Lifetime* lifetime_;
  bool* outer_;
};

}  // namespace hearth::net
