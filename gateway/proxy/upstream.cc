#include "gateway/proxy/upstream.h"

#include <algorithm>
#include <utility>

namespace hearth::proxy {

Upstream::Upstream(UpstreamPool& pool, uint64_t target, std::unique_ptr<net::Stream> stream,
                   const http::Limits& limits, net::BufferPool* buffers)
    : pool_(pool),
      target_(target),
      stream_(std::move(stream)),
      out_(buffers),
      in_(buffers),
      parser_(limits) {
  stream_->SetHandler(this);
}

Upstream::~Upstream() { stream_->SetHandler(nullptr); }

void Upstream::OnReadable() {
  if (user_ != nullptr) {
    user_->OnUpstreamReadable();
  } else {
    pool_.Discard(this);  // closed, or it speaks without having been asked
  }
}

void Upstream::OnWritable() {
  if (user_ != nullptr) user_->OnUpstreamWritable();
}

UpstreamPool::UpstreamPool(net::Loop& loop, Duration idle_timeout, size_t max_idle)
    : loop_(loop), idle_timeout_(idle_timeout), max_idle_(max_idle), sweep_([this] { Sweep(); }) {}

UpstreamPool::~UpstreamPool() = default;

uint64_t UpstreamPool::TargetFor(const std::string& address) {
  // Serials of replicas count up from one; these have the highest bit set.
  const auto [it, is_new] = targets_.try_emplace(address, (1ull << 63) + targets_.size());
  return it->second;
}

std::unique_ptr<Upstream> UpstreamPool::Take(uint64_t target, bool probe) {
  const auto it = stacks_.find(target);
  if (it == stacks_.end()) return nullptr;
  while (!it->second.empty()) {
    std::unique_ptr<Upstream> upstream = std::move(it->second.back());
    it->second.pop_back();
    --idle_;
    char byte;
    if (probe && upstream->stream().Read({&byte, 1}).status != net::IoStatus::kWouldBlock) continue;
    upstream->reused_ = true;
    return upstream;
  }
  return nullptr;
}

void UpstreamPool::Put(std::unique_ptr<Upstream> upstream) {
  Stack& stack = stacks_[upstream->target()];
  if (stack.size() >= max_idle_) return;
  upstream->Use(nullptr);
  upstream->parser().Reset();
  upstream->in().Release();
  upstream->idle_since_ = loop_.Now();
  stack.push_back(std::move(upstream));
  ++idle_;
  if (!sweep_.armed()) loop_.ArmAfter(sweep_, idle_timeout_ / 2);
}

void UpstreamPool::Discard(Upstream* idle) {
  const auto it = stacks_.find(idle->target());
  if (it == stacks_.end()) return;
  const auto found = std::find_if(it->second.begin(), it->second.end(),
                                  [&](const auto& u) { return u.get() == idle; });
  if (found == it->second.end()) return;
  const std::unique_ptr<Upstream> gone = std::move(*found);
  it->second.erase(found);
  --idle_;
  if (it->second.empty()) stacks_.erase(it);
}

void UpstreamPool::CloseAll() {
  stacks_.clear();
  idle_ = 0;
}

void UpstreamPool::Sweep() {
  const MonotonicTime limit = loop_.Now() - idle_timeout_;
  for (auto it = stacks_.begin(); it != stacks_.end();) {
    Stack& stack = it->second;
    const auto fresh = std::find_if(stack.begin(), stack.end(),
                                    [&](const auto& u) { return u->idle_since_ > limit; });
    idle_ -= static_cast<size_t>(fresh - stack.begin());
    stack.erase(stack.begin(), fresh);
    it = stack.empty() ? stacks_.erase(it) : std::next(it);
  }
  if (idle_ != 0) loop_.ArmAfter(sweep_, idle_timeout_ / 2);
}

}  // namespace hearth::proxy
