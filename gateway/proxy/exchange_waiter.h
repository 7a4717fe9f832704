#pragma once

#include <memory>

#include "core/net/loop.h"
#include "gateway/route/function_state.h"

namespace hearth::proxy {

class Exchange;

// An exchange's place in its function's queue. Whoever frees a slot posts it to the exchange's
// loop; an exchange that ended meanwhile has been forgotten, and the slot is freed again.
class ExchangeWaiter final : public route::SlotWaiter {
 public:
  ExchangeWaiter(Exchange* owner, net::Loop* loop) : owner_(owner), loop_(loop) {}
  void Notify(std::shared_ptr<queue::Waiter> self) override;
  void Forget() { owner_ = nullptr; }  // owner's loop

 private:
  Exchange* owner_;  // owner's loop only
  net::Loop* const loop_;
};

}  // namespace hearth::proxy
