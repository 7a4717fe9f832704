#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gateway/metrics/loop_slab.h"
#include "gateway/proxy/interfaces.h"

namespace hearth::gateway {

// Counts what the data path does, in a slab for each loop. Owned by the application; outlives the
// loops. Reading is Collector's.
class Recorder final : public proxy::ExchangeObserver {
 public:
  explicit Recorder(uint32_t loops, size_t max_functions = 20000);

  void OnStarted(uint32_t loop, const route::Function& function) override;
  void OnFinished(const proxy::ExchangeRecord& record) override;
  void OnRejected(uint32_t loop, int status, std::string_view reason) override;
  void OnConnections(uint32_t loop, int64_t change) override;
  void OnEvent(uint32_t loop, const route::Function* function, proxy::EventKind kind,
               std::string_view reason) override;
  void OnTlsHandshake(uint32_t loop, bool resumed) override;

  // How late a task came to run on its loop. That loop only.
  void OnLag(uint32_t loop, Duration lag);

  size_t loops() const { return slabs_.size(); }
  LoopSlab& slab(size_t loop) { return *slabs_[loop]; }

 private:
  std::vector<std::unique_ptr<LoopSlab>> slabs_;
};

}  // namespace hearth::gateway
