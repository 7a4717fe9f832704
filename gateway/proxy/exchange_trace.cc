// What makes a request visible to those who ask for it: its place in a trace, and where its time
// went. None of this runs for a request of which nobody asks.
#include <limits>

#include "gateway/proxy/exchange.h"
#include "gateway/proxy/worker.h"

namespace hearth::proxy {
namespace {

struct Given {
  std::optional<http::TraceContext> parent;
  std::string state;
};

// What the client says of its trace. Several traceparents, or one that is malformed: nothing, as
// W3C Trace Context demands; then its tracestate means nothing either.
Given TakeUp(const http::RequestHead& head) {
  Given given;
  size_t parents = 0;
  for (const http::HeaderField& field : head.headers) {
    if (http::EqualsIgnoreCase(field.name, "traceparent")) {
      ++parents;
      given.parent = http::ParseTraceparent(field.value);
    } else if (http::EqualsIgnoreCase(field.name, "tracestate")) {
      if (!given.state.empty()) given.state += ',';
      given.state += field.value;
    }
  }
  if (parents != 1) given.parent.reset();
  if (!given.parent || !http::IsTracestate(given.state)) given.state.clear();
  return given;
}

// Not zero, which means "none" on the wire.
uint64_t NewId(balance::Random& random) {
  while (true) {
    if (const uint64_t id = random.Next(); id != 0) return id;
  }
}

bool Keep(double ratio, balance::Random& random) {
  constexpr auto kMost = static_cast<double>(std::numeric_limits<uint64_t>::max());
  return static_cast<double>(random.Next()) < ratio * kMost || ratio >= 1;
}

void AppendPart(std::string_view name, Duration duration, std::string* out) {
  const int64_t micros =
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  const std::string fraction = std::to_string(micros % 1000);
  if (out->back() != ' ') *out += ", ";
  out->append(name).append(";dur=").append(std::to_string(micros / 1000)).append(".");
  out->append(3 - fraction.size(), '0').append(fraction);
}

}  // namespace

void Exchange::BeginTrace(const http::RequestHead& head) {
  if (trace_ == nullptr) trace_ = std::make_unique<Trace>();
  traced_ = true;
  balance::Random& random = worker_.random();
  Given given = TakeUp(head);
  http::TraceContext& context = trace_->context;
  if (given.parent) {
    trace_->parent_span_id = given.parent->span();
    context = *given.parent;
    context.flags &= 3;  // sampled, and that the id is random: more is not known to this version
  } else {
    trace_->parent_span_id.clear();
    http::WriteHex64(NewId(random), context.trace_id.data());
    http::WriteHex64(NewId(random), context.trace_id.data() + 16);
    context.flags = Keep(worker_.options().trace_ratio, random) ? 3 : 2;
  }
  http::WriteHex64(NewId(random), context.span_id.data());
  trace_->tracestate = std::move(given.state);
  const auto text = context.Text();
  trace_->fields.resize(2);
  trace_->fields[0] = {"traceparent", std::string(text.data(), text.size())};
  trace_->fields[1] = {"tracestate", trace_->tracestate};
}

// queue: until a slot was free; cold, instead of it, where a replica had to be started; connect:
// until the request was on its way to the replica, attempts that failed included; function: from
// there to its response head.
std::string_view Exchange::TimingLine() {
  std::string* const out = &timing_;
  const MonotonicTime now = worker_.loop().Now();
  *out = "Server-Timing: ";
  const bool got_slot = slot_taken_ != MonotonicTime{};
  const MonotonicTime queue_end = got_slot ? arrival_ + queued_ : now;
  AppendPart(cold_ ? "cold" : "queue", queue_end - arrival_, out);
  if (got_slot) {
    const MonotonicTime sent = sent_ == MonotonicTime{} ? now : sent_;
    AppendPart("connect", sent - queue_end, out);
    if (sent_ != MonotonicTime{}) AppendPart("function", now - sent_, out);
  }
  AppendPart("total", now - arrival_, out);
  *out += "\r\n";
  return *out;
}

}  // namespace hearth::proxy
