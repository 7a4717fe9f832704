#include "gateway/metrics/recorder.h"

#include <charconv>

namespace hearth::gateway {
namespace {

uint64_t Micros(Duration d) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(d).count());
}

}  // namespace

Recorder::Recorder(uint32_t loops, size_t max_functions) {
  for (uint32_t i = 0; i < loops; ++i) slabs_.push_back(std::make_unique<LoopSlab>(max_functions));
}

void Recorder::OnStarted(uint32_t loop, const route::Function& function) {
  FunctionSlab& slab = slabs_[loop]->Of(function);
  slab.started.Add();
  slab.in_flight.Add(1);
}

void Recorder::OnFinished(const proxy::ExchangeRecord& record) {
  LoopSlab& loop = *slabs_[record.loop];
  if (!record.reason.empty()) {
    OnEvent(record.loop, record.function,
            record.refused ? proxy::EventKind::kRefusal : proxy::EventKind::kReset, record.reason);
  }
  if (record.function == nullptr) {
    char digits[12];
    const char* end = std::to_chars(digits, digits + sizeof(digits), record.status).ptr;
    loop.local.Add({digits, static_cast<size_t>(end - digits)});
    return;
  }
  FunctionSlab& slab = loop.Of(*record.function);
  slab.in_flight.Add(-1);
  slab.SecondsOf(record.status).Observe(record.total);
  slab.latency.Observe(record.total);
  slab.bytes_in.Add(record.bytes_in);
  slab.bytes_out.Add(record.bytes_out);
  if (record.tunnel) slab.tunnels.Add();
  if (record.queued > Duration::zero()) {
    slab.queued.Add();
    slab.queued_microseconds.Add(Micros(record.queued));
  }
  if (record.cold && record.status != 0 && record.first_byte > Duration::zero()) {
    slab.cold_queue.Observe(record.queued);
    slab.cold_first_byte.Observe(record.first_byte - record.queued);
    slab.cold_total.Observe(record.first_byte);
  }
}

void Recorder::OnRejected(uint32_t loop, int /*status*/, std::string_view reason) {
  OnEvent(loop, nullptr, proxy::EventKind::kRefusal, reason);
}

void Recorder::OnConnections(uint32_t loop, int64_t change) {
  slabs_[loop]->connections.Add(change);
}

void Recorder::OnEvent(uint32_t loop, const route::Function* function, proxy::EventKind kind,
                       std::string_view reason) {
  const size_t event = proxy::EventIndex(kind, reason);
  if (function == nullptr) {
    slabs_[loop]->events[event].Add();
  } else {
    slabs_[loop]->Of(*function).CountEvent(event);
  }
}

void Recorder::OnTlsHandshake(uint32_t loop, bool resumed) {
  (resumed ? slabs_[loop]->tls_resumed : slabs_[loop]->tls_full).Add();
}

void Recorder::OnLag(uint32_t loop, Duration lag) {
  slabs_[loop]->lag_microseconds.Set(static_cast<int64_t>(Micros(lag)));
}

}  // namespace hearth::gateway
