#include "gateway/proxy/data_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "gateway/proxy/spread.h"
#include "gateway/proxy/worker.h"

namespace hearth::proxy {
namespace {

// Runs `done` after it was called as often as there are loops.
std::function<void()> AfterAll(size_t count, std::function<void()> done) {
  auto left = std::make_shared<std::atomic<size_t>>(count);
  return [left, done = std::move(done)] {
    if (left->fetch_sub(1, std::memory_order_acq_rel) == 1 && done) done();
  };
}

}  // namespace

DataPath::DataPath(std::vector<net::Loop*> loops, Options options, Dependencies dependencies)
    : options_(std::move(options)), dependencies_(dependencies), loops_(std::move(loops)) {
  for (size_t i = 0; i < loops_.size(); ++i) {
    workers_.push_back(
        std::make_unique<Worker>(static_cast<uint32_t>(i), *loops_[i], options_, dependencies_));
  }
}

DataPath::~DataPath() = default;

absl::StatusOr<net::Address> DataPath::Listen(const net::Address& address, ListenerKind kind,
                                              unsigned unix_mode) {
  net::ListenOptions listen;
  listen.unix_mode = unix_mode;
  if (address.kind == net::Address::Kind::kUnix || workers_.size() == 1) {
    return workers_[0]->Listen(address, kind, listen, SpreadFrom(0, kind));
  }
  if (address.kind == net::Address::Kind::kInheritedFd) {
    std::vector<UniqueFd> one;
    one.emplace_back(address.fd);
    return TakeOver(std::move(one), kind);
  }
  // All loops listen on what the first one was given: the port may be the kernel's choice.
  listen.reuse_port = true;
  auto bound = workers_[0]->Listen(address, kind, listen, SpreadFrom(0, kind));
  if (!bound.ok()) return bound.status();
  for (size_t i = 1; i < workers_.size(); ++i) {
    auto also = workers_[i]->Listen(*bound, kind, listen, SpreadFrom(i, kind));
    if (!also.ok()) return also.status();
  }
  return bound;
}

absl::StatusOr<net::Address> DataPath::TakeOver(std::vector<UniqueFd> sockets, ListenerKind kind) {
  absl::StatusOr<net::Address> bound = Internal("no socket to listen on");
  if (sockets.empty()) return bound;
  const size_t count = sockets.size();
  // More loops than sockets: they share them, as copies. More sockets than loops: some serve two.
  for (size_t i = count; i < workers_.size(); ++i) {
    sockets.emplace_back(::dup(sockets[i % count].get()));
  }
  for (size_t i = 0; i < sockets.size(); ++i) {
    net::Address address;
    address.kind = net::Address::Kind::kInheritedFd;
    address.fd = sockets[i].Release();
    if (address.fd < 0) return ResourceExhausted("no descriptor left to listen with");
    const size_t loop = i % workers_.size();
    bound = workers_[loop]->Listen(address, kind, {}, SpreadFrom(loop, kind));
    if (!bound.ok()) return bound;
  }
  return bound;
}

std::vector<int> DataPath::Descriptors(const net::Address& bound) const {
  std::vector<int> found;
  std::set<ino_t> seen;
  for (const auto& worker : workers_) {
    for (const int fd : worker->Descriptors(bound)) {
      struct stat st {};
      if (::fstat(fd, &st) == 0 && seen.insert(st.st_ino).second) found.push_back(fd);
    }
  }
  return found;
}

void DataPath::HoldBack() {
  for (const auto& worker : workers_) worker->SetHeldBack(true);
}

void DataPath::Open() {
  for (const auto& owned : workers_) {
    Worker* worker = owned.get();
    worker->loop().Post([worker] { worker->SetHeldBack(false); });
  }
}

net::Loop::AcceptCallback DataPath::SpreadFrom(size_t own, ListenerKind kind) {
  if (workers_.size() == 1) return {};
  return [this, own, kind, loads = std::vector<uint64_t>(workers_.size())](
             std::unique_ptr<net::Stream> stream) mutable {
    for (size_t i = 0; i < loads.size(); ++i) loads[i] = workers_[i]->load();
    const size_t chosen = ChooseLoop(loads, own);
    const int fd = chosen == own || stream->fd() < 0 ? -1 : ::dup(stream->fd());
    if (fd < 0) return workers_[own]->Accept(std::move(stream), kind);
    stream.reset();
    Worker* worker = workers_[chosen].get();
    worker->Expect();
    worker->loop().Post([worker, fd, kind] { worker->AcceptExpected(fd, kind); });
  };
}

void DataPath::Install(std::shared_ptr<const route::Table> table, std::function<void()> done) {
  const auto installed = AfterAll(workers_.size(), std::move(done));
  for (const auto& owned : workers_) {
    Worker* worker = owned.get();
    worker->loop().Post([worker, table, installed] {
      worker->SetTable(table);
      installed();
    });
  }
}

void DataPath::StopAccepting(bool has_successor, std::function<void()> done) {
  const auto stopped = AfterAll(workers_.size(), std::move(done));
  for (const auto& owned : workers_) {
    Worker* worker = owned.get();
    worker->loop().Post([worker, has_successor, stopped] {
      worker->StopAccepting(has_successor);
      stopped();
    });
  }
}

// In two rounds: connections that one loop has dealt to another arrive before the second.
void DataPath::Drain(const DrainTimes& times, std::function<void()> done) {
  StopAccepting(/*has_successor=*/false, [this, times, done = std::move(done)]() mutable {
    const auto drained = AfterAll(workers_.size(), std::move(done));
    for (const auto& owned : workers_) {
      Worker* worker = owned.get();
      worker->loop().Post([worker, times, drained] { worker->Drain(times, drained); });
    }
  });
}

uint64_t DataPath::connections() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->connections();
  return sum;
}

uint64_t DataPath::exchanges() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->exchanges();
  return sum;
}

}  // namespace hearth::proxy
