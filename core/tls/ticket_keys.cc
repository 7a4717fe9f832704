#include "core/tls/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "core/base/random.h"

namespace hearth::tls {
namespace {

// HMAC-SHA-256 of a label and the period under the secret: independent keys from one secret.
void Derive(const std::string& secret, std::string_view label, int64_t period,
            std::span<unsigned char> out) {
  std::string message(label);
  message.push_back('\0');
  for (int shift = 56; shift >= 0; shift -= 8) {
    message.push_back(static_cast<char>((static_cast<uint64_t>(period) >> shift) & 0xff));
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(),
         &size);
  std::memcpy(out.data(), digest.data(), std::min<size_t>(out.size(), size));
  ::OPENSSL_cleanse(digest.data(), digest.size());
}

void Randomize(std::span<unsigned char> out) {
  FillRandom({reinterpret_cast<char*>(out.data()), out.size()});
}

}  // namespace

TicketKeys::~TicketKeys() {
  for (Entry& entry : keys_) ::OPENSSL_cleanse(&entry.key, sizeof entry.key);
}

int64_t TicketKeys::Period() const { return clock_.WallNow().time_since_epoch() / kPeriod; }

TicketKeys::Key TicketKeys::Make(int64_t period) const {
  Key key{};
  if (secret_.empty()) {
    Randomize(key.name);
    Randomize(key.cipher);
    Randomize(key.mac);
  } else {
    Derive(secret_, "hearth ticket name", period, key.name);
    Derive(secret_, "hearth ticket cipher", period, key.cipher);
    Derive(secret_, "hearth ticket mac", period, key.mac);
  }
  return key;
}

void TicketKeys::Rotate(int64_t now) {
  // With a secret the keys before this moment exist elsewhere already, and another process's clock
  // may be ahead of ours by the turn of a period.
  if (keys_.empty() && !secret_.empty()) {
    for (int64_t period = now - kPeriodsKept; period < now; ++period) {
      keys_.push_front({period, Make(period)});
    }
  }
  if (keys_.empty() || keys_.front().period < now) keys_.push_front({now, Make(now)});
  while (keys_.back().period < now - kPeriodsKept) {
    ::OPENSSL_cleanse(&keys_.back().key, sizeof(Key));
    keys_.pop_back();
  }
}

TicketKeys::Key TicketKeys::Current() {
  const std::lock_guard lock(mutex_);
  Rotate(Period());
  return keys_.front().key;
}

std::optional<TicketKeys::Found> TicketKeys::Find(std::span<const unsigned char, kNameSize> name) {
  const std::lock_guard lock(mutex_);
  const int64_t now = Period();
  Rotate(now);
  for (const Entry& entry : keys_) {
    if (std::equal(name.begin(), name.end(), entry.key.name.begin())) {
      return Found{entry.key, &entry == &keys_.front()};
    }
  }
  if (secret_.empty()) return std::nullopt;
  const Key next = Make(now + 1);
  if (!std::equal(name.begin(), name.end(), next.name.begin())) return std::nullopt;
  return Found{next, true};
}

}  // namespace hearth::tls
