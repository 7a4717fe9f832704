#include "gateway/app/exchange_log.h"

#include <string>

namespace hearth::gateway {

void ExchangeLog::OnFinished(const proxy::ExchangeRecord& record) {
  recorder_->OnFinished(record);
  if (writer_ == nullptr) return;
  accesslog::Writer::Sink* sink = writer_->sink(record.loop);
  if (!sink->Wants(record.status, !record.reason.empty())) return;
  accesslog::Entry entry;
  entry.time = clock_->WallNow() - record.total;
  entry.client = record.client_ip;
  entry.method = record.method;
  entry.path = record.path;
  entry.status = record.status;
  entry.bytes_in = record.bytes_in;
  entry.bytes_out = record.bytes_out;
  entry.duration = record.total;
  entry.queued = record.queued;
  if (record.function != nullptr) {
    entry.function = record.function->key.name;
    entry.ns = record.function->key.ns;
  }
  entry.replica = record.replica_id;
  entry.call_id = record.call_id;
  entry.error = record.reason;
  entry.user_agent = record.user_agent;
  entry.attempts = record.attempts;
  sink->Log(entry);
}

}  // namespace hearth::gateway
