#include "gateway/app/exchange_log.h"

#include <string>
#include <utility>

namespace hearth::gateway {

void ExchangeLog::OnFinished(const proxy::ExchangeRecord& record) {
  recorder_->OnFinished(record);
  if (writer_ != nullptr) LogLine(record);
  if (record.trace != nullptr && spans_ != nullptr && record.trace->context.sampled()) {
    AddSpan(record);
  }
}

void ExchangeLog::AddSpan(const proxy::ExchangeRecord& record) {
  trace::Span span;
  span.context = record.trace->context;
  span.parent_span_id = record.trace->parent_span_id;
  span.tracestate = record.trace->tracestate;
  span.start = clock_->WallNow() - record.total;
  span.queued = record.queued;
  span.first_byte = record.first_byte;
  span.total = record.total;
  span.method = record.method;
  span.path = record.path;
  if (record.function != nullptr) {
    span.function = record.function->key.name;
    span.ns = record.function->key.ns;
  }
  span.replica = record.replica_id;
  span.call_id = record.call_id;
  span.client_ip = record.client_ip;
  span.user_agent = record.user_agent;
  span.reason = record.reason;
  span.status = record.status;
  span.attempts = record.attempts;
  span.bytes_in = record.bytes_in;
  span.bytes_out = record.bytes_out;
  span.cold = record.cold;
  spans_->Add(record.loop, std::move(span));
}

void ExchangeLog::LogLine(const proxy::ExchangeRecord& record) {
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
