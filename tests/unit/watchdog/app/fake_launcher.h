#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/fakes/memory_loop.h"
#include "tests/fakes/test_peer.h"
#include "watchdog/supervise/process.h"

namespace hearth::watchdog {

// A process that a test plays: its pipes end in TestPeers, and it ends when the test says so.
struct FakeProcess {
  LaunchSpec spec;
  ProcessObserver* observer = nullptr;
  std::unique_ptr<fakes::TestPeer> in;  // reads what the watchdog writes to stdin
  std::unique_ptr<fakes::TestPeer> out;
  std::unique_ptr<fakes::TestPeer> err;
  int terminated = 0;
  int killed = 0;
  bool alive = true;

  void Exit(const ExitInfo& exit) {
    alive = false;
    out->FinishSending();
    err->FinishSending();
    std::exchange(observer, nullptr)->OnExit(exit);
  }
};

// Starts FakeProcesses. Killing one ends it at the loop's next turn, as a signal would.
class FakeLauncher final : public Launcher {
 public:
  explicit FakeLauncher(fakes::MemoryLoop& loop) : loop_(loop) {}

  absl::StatusOr<std::unique_ptr<Process>> Launch(const LaunchSpec& spec,
                                                  ProcessObserver* observer) override {
    if (!failure.ok()) return failure;
    auto fake = std::make_shared<FakeProcess>();
    fake->spec = spec;
    fake->observer = observer;
    processes.push_back(fake);
    return std::make_unique<Handle>(loop_, fake);
  }
  absl::Status Check(const LaunchSpec&) override { return failure; }

  FakeProcess& last() { return *processes.back(); }

  absl::Status failure;
  std::vector<std::shared_ptr<FakeProcess>> processes;

 private:
  class Handle final : public Process {
   public:
    Handle(fakes::MemoryLoop& loop, std::shared_ptr<FakeProcess> fake)
        : loop_(loop), fake_(std::move(fake)) {
      in_ = Connect(&fake_->in);
      out_ = Connect(&fake_->out);
      err_ = Connect(&fake_->err);
    }
    ~Handle() override { fake_->observer = nullptr; }
    pid_t pid() const override { return 42; }
    void Terminate() override { ++fake_->terminated; }
    void KillTree() override {
      ++fake_->killed;
      loop_.Post([fake = fake_] {
        if (fake->observer != nullptr) fake->Exit({0, 9, false});
      });
    }
    std::unique_ptr<net::Stream> TakeStdin() override { return std::move(in_); }
    std::unique_ptr<net::Stream> TakeStdout() override { return std::move(out_); }
    std::unique_ptr<net::Stream> TakeStderr() override { return std::move(err_); }

   private:
    std::unique_ptr<net::Stream> Connect(std::unique_ptr<fakes::TestPeer>* peer) {
      auto [ours, theirs] = loop_.Pipe();
      *peer = std::make_unique<fakes::TestPeer>(std::move(theirs));
      return std::move(ours);
    }
    fakes::MemoryLoop& loop_;
    std::shared_ptr<FakeProcess> fake_;
    std::unique_ptr<net::Stream> in_, out_, err_;
  };

  fakes::MemoryLoop& loop_;
};

}  // namespace hearth::watchdog
