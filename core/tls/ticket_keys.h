#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "core/base/clock.h"

namespace hearth::tls {

// The keys under which session tickets are sealed. They exist apart from any context because all
// loops, and contexts that follow each other when certificates change, must open each other's
// tickets. A new key is taken into use every period; older ones still open tickets for as long as a
// session may be resumed. With a secret the keys follow from it and the time, so that a successor
// process, or several gateways behind one address, have the same ones; without, they are random and
// gone for good once they are old. Thread-safe.
class TicketKeys {
 public:
  static constexpr size_t kNameSize = 16;
  static constexpr Duration kPeriod = std::chrono::hours(1);
  static constexpr int64_t kPeriodsKept = 2;  // beside the current one: two hours of resumption

  struct Key {
    std::array<unsigned char, kNameSize> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };
  struct Found {
    Key key;
    bool current = false;  // else the ticket is better replaced by a new one
  };

  // An empty secret: random keys.
  explicit TicketKeys(const Clock& clock, std::string secret = {})
      : clock_(clock), secret_(std::move(secret)) {}
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  Key Current();
  std::optional<Found> Find(std::span<const unsigned char, kNameSize> name);

 private:
  struct Entry {
    int64_t period;
    Key key;
  };
  int64_t Period() const;
  Key Make(int64_t period) const;
  void Rotate(int64_t now);  // mutex_ held

  const Clock& clock_;
  const std::string secret_;
  std::mutex mutex_;        // guards keys_
  std::deque<Entry> keys_;  // newest first
};

}  // namespace hearth::tls
