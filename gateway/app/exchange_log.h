#pragma once

#include "core/base/clock.h"
#include "gateway/accesslog/writer.h"
#include "gateway/metrics/recorder.h"
#include "gateway/proxy/interfaces.h"
#include "gateway/trace/exporter.h"

namespace hearth::gateway {

// Hands what the data path observes to the metrics, the access log and the traces. Called on the
// loops; owned by the application.
class ExchangeLog final : public proxy::ExchangeObserver {
 public:
  // `writer` may be null: no access log. `spans` may be null: no traces.
  ExchangeLog(Recorder* recorder, accesslog::Writer* writer, trace::Exporter* spans,
              const Clock* clock)
      : recorder_(recorder), writer_(writer), spans_(spans), clock_(clock) {}

  void OnStarted(uint32_t loop, const route::Function& function) override {
    recorder_->OnStarted(loop, function);
  }
  void OnFinished(const proxy::ExchangeRecord& record) override;
  void OnRejected(uint32_t loop, int status, std::string_view reason) override {
    recorder_->OnRejected(loop, status, reason);
  }
  void OnConnections(uint32_t loop, int64_t change) override {
    recorder_->OnConnections(loop, change);
  }
  void OnEvent(uint32_t loop, const route::Function* function, proxy::EventKind kind,
               std::string_view reason) override {
    recorder_->OnEvent(loop, function, kind, reason);
  }
  void OnTlsHandshake(uint32_t loop, bool resumed) override {
    recorder_->OnTlsHandshake(loop, resumed);
  }

 private:
  void LogLine(const proxy::ExchangeRecord& record);
  void AddSpan(const proxy::ExchangeRecord& record);

  Recorder* const recorder_;
  accesslog::Writer* const writer_;
  trace::Exporter* const spans_;
  const Clock* const clock_;
};

}  // namespace hearth::gateway
