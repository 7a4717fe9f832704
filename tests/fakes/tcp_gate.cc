#include "tests/fakes/tcp_gate.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <utility>

#include "core/base/absl_compat.h"

namespace hearth::fakes {
namespace {

// What may wait inside the gate for one direction: behind it the sender is held back.
constexpr size_t kMaxWaiting = 256 * 1024;

net::Address MustParse(std::string_view text) {
  auto address = net::Address::Parse(text);
  if (!address.ok()) {
    std::fprintf(stderr, "%s\n", address.status().ToString().c_str());
    std::abort();
  }
  return *std::move(address);
}

}  // namespace

// One connection: a stream to each side, and for each direction a queue of pieces with their times.
class TcpGate::Link {
 public:
  Link(net::Loop& loop, const GateRules& rules, std::function<void()> on_dead)
      : loop_(loop), rules_(rules), on_dead_(std::move(on_dead)) {
    for (Way& way : ways_) way.timer.SetCallback([this, &way] { Forward(way); });
    sides_[0].Set(this, &ways_[0], &ways_[1]);
    sides_[1].Set(this, &ways_[1], &ways_[0]);
  }

  void Start(std::unique_ptr<net::Stream> client, const net::Address& target) {
    sides_[0].stream = std::move(client);
    connect_ = loop_.Connect(target, std::chrono::seconds(5),
                             [this](absl::StatusOr<std::unique_ptr<net::Stream>> server) {
                               if (!server.ok()) return Kill();
                               sides_[1].stream = *std::move(server);
                               for (Side& side : sides_) side.stream->SetHandler(&side);
                               Pull(0);
                               Pull(1);
                             });
  }

  void Kill() {
    if (std::exchange(dead_, true)) return;
    for (Side& side : sides_) {
      if (side.stream != nullptr) {
        side.stream->SetHandler(nullptr);
        side.stream->Abort();
      }
    }
    on_dead_();
  }

  void FinishTowardsServer() {
    if (sides_[1].stream != nullptr) sides_[1].stream->ShutdownWrite();
    ways_[0].finished = true;
  }

  bool dead() const { return dead_; }

 private:
  struct Piece {
    MonotonicTime due;
    std::string bytes;
  };
  // From side 0 to side 1, or back.
  struct Way {
    std::deque<Piece> waiting;
    size_t waiting_bytes = 0;
    uint64_t passed = 0;
    bool ended = false;     // the sender has finished
    bool finished = false;  // and so has the receiver been told
    net::Timer timer;
  };
  struct Side final : net::StreamHandler {
    void Set(Link* l, Way* o, Way* i) {
      link = l;
      out = o;
      in = i;
    }
    void OnReadable() override { link->Pull(this == &link->sides_[0] ? 0 : 1); }
    void OnWritable() override { link->Forward(*in); }
    Link* link = nullptr;
    Way* out = nullptr;  // what this side sends
    Way* in = nullptr;   // what it gets
    std::unique_ptr<net::Stream> stream;
  };

  void Pull(size_t from) {
    Side& side = sides_[from];
    Way& way = *side.out;
    char buffer[16 * 1024];
    while (!dead_ && !way.ended && way.waiting_bytes < kMaxWaiting) {
      const net::IoResult result = side.stream->Read(buffer);
      if (result.status == net::IoStatus::kWouldBlock) break;
      if (result.status == net::IoStatus::kReset) return Kill();
      if (result.status == net::IoStatus::kEof) {
        way.ended = true;
        break;
      }
      way.waiting.push_back({loop_.Now() + rules_.delay, std::string(buffer, result.bytes)});
      way.waiting_bytes += result.bytes;
    }
    Forward(way);
  }

  void Forward(Way& way) {
    const size_t from = &way == &ways_[0] ? 0 : 1;
    net::Stream* const out = sides_[1 - from].stream.get();
    if (dead_ || out == nullptr) return;
    const bool was_full = way.waiting_bytes >= kMaxWaiting;
    while (!way.waiting.empty()) {
      Piece& piece = way.waiting.front();
      if (piece.due > loop_.Now()) return loop_.Arm(way.timer, piece.due);
      if (rules_.stall_after != 0 && way.passed >= rules_.stall_after) return;
      if (rules_.reset_after != 0 && way.passed >= rules_.reset_after) return Kill();
      size_t n = piece.bytes.size();
      if (rules_.slice != 0) n = std::min(n, rules_.slice);
      for (const uint64_t limit : {rules_.stall_after, rules_.reset_after}) {
        if (limit != 0) n = static_cast<size_t>(std::min<uint64_t>(n, limit - way.passed));
      }
      const net::IoResult result =
          net::WriteAllOf(*out, std::string_view(piece.bytes).substr(0, n));
      if (result.status == net::IoStatus::kReset) return Kill();
      way.passed += result.bytes;
      way.waiting_bytes -= result.bytes;
      piece.bytes.erase(0, result.bytes);
      const bool blocked = result.bytes < n;
      if (piece.bytes.empty()) way.waiting.pop_front();
      if (blocked) break;
      if (rules_.slice != 0 && !way.waiting.empty()) {
        // The next slice in a turn of its own: the receiver reads this one by itself.
        loop_.Arm(way.timer, loop_.Now() + std::max(rules_.delay, Duration(1)));
        break;
      }
    }
    if (rules_.reset_after != 0 && way.passed >= rules_.reset_after) return Kill();
    if (way.waiting.empty() && way.ended && !way.finished && !rules_.swallow_ends) {
      way.finished = true;
      out->ShutdownWrite();
      if (ways_[0].finished && ways_[1].finished) return End();
    }
    if (was_full && way.waiting_bytes < kMaxWaiting) Pull(from);
  }

  void End() {
    dead_ = true;
    for (Side& side : sides_) side.stream->SetHandler(nullptr);
    on_dead_();
  }

  net::Loop& loop_;
  const GateRules& rules_;
  std::function<void()> on_dead_;
  bool dead_ = false;
  Way ways_[2];
  Side sides_[2];
  std::unique_ptr<net::PendingConnect> connect_;
};

TcpGate::TcpGate(net::Loop& loop, std::string_view listen, std::string_view target)
    : loop_(loop), target_(MustParse(target)) {
  auto listener = loop.Listen(MustParse(listen), {}, [this](std::unique_ptr<net::Stream> client) {
    Accept(std::move(client));
  });
  if (!listener.ok()) {
    std::fprintf(stderr, "%s\n", listener.status().ToString().c_str());
    std::abort();
  }
  listener_ = *std::move(listener);
}

TcpGate::~TcpGate() = default;

net::Address TcpGate::address() const { return listener_->address(); }

void TcpGate::Accept(std::unique_ptr<net::Stream> client) {
  ++accepted_;
  if (rules_.refuse) return client->Abort();
  links_.push_back(std::make_unique<Link>(loop_, rules_, [this] { Sweep(); }));
  links_.back()->Start(std::move(client), target_);
}

// Dead links go at the end of the turn: one of them may be calling.
void TcpGate::Sweep() {
  loop_.Defer([this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired()) return;
    std::erase_if(links_, [](const auto& link) { return link->dead(); });
  });
}

void TcpGate::ResetAll() {
  for (const auto& link : links_) link->Kill();
}

void TcpGate::FinishTowardsServer() {
  for (const auto& link : links_) link->FinishTowardsServer();
}

size_t TcpGate::connections() const {
  return static_cast<size_t>(
      std::count_if(links_.begin(), links_.end(), [](const auto& link) { return !link->dead(); }));
}

}  // namespace hearth::fakes
