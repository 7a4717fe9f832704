#include "gateway/trace/exporter.h"

#include <catch2/catch.hpp>

#include <deque>
#include <map>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "hearth/otlp/v1/trace.pb.h"

namespace hearth::gateway::trace {
namespace {

using namespace std::chrono_literals;
namespace pb = ::hearth::otlp::v1;

Span NewSpan(const std::string& function = "resize") {
  Span span;
  span.context = *http::ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03");
  span.parent_span_id = "00f067aa0ba902b7";
  span.tracestate = "vendor=1";
  span.start = WallTime(1'700'000'000s);
  span.queued = 20ms;
  span.first_byte = 50ms;
  span.total = 70ms;
  span.method = "POST";
  span.path = "/function/resize/a";
  span.function = function;
  span.ns = "team";
  span.replica = "r-1-a";
  span.status = 200;
  span.attempts = 2;
  span.cold = true;
  span.bytes_in = 5;
  return span;
}

std::map<std::string, pb::AnyValue> Attributes(const pb::Span& span) {
  std::map<std::string, pb::AnyValue> attributes;
  for (const pb::KeyValue& attribute : span.attributes()) {
    attributes[attribute.key()] = attribute.value();
  }
  return attributes;
}

TEST_CASE("a request as its collector sees it") {
  pb::ExportRequest request;
  REQUIRE(request.ParseFromString(EncodeExport({"edge", "1.2", "i-1"}, {NewSpan()})));
  REQUIRE(request.resource_spans_size() == 1);
  CHECK(request.resource_spans(0).resource().attributes(0).value().string_value() == "edge");
  const pb::Span& span = request.resource_spans(0).scope_spans(0).spans(0);
  CHECK(span.trace_id() == "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c");
  CHECK(span.span_id() == "\xb7\xad\x6b\x71\x69\x20\x33\x31");
  CHECK(span.parent_span_id() == std::string("\x00\xf0\x67\xaa\x0b\xa9\x02\xb7", 8));
  CHECK(span.trace_state() == "vendor=1");
  CHECK(span.name() == "POST /function/resize");
  CHECK(span.kind() == 2);
  CHECK(span.start_time_unix_nano() == 1'700'000'000'000'000'000u);
  CHECK(span.end_time_unix_nano() - span.start_time_unix_nano() == 70'000'000u);
  auto attributes = Attributes(span);
  CHECK(attributes["http.response.status_code"].int_value() == 200);
  CHECK(attributes["http.request.method"].string_value() == "POST");
  CHECK(attributes["faas.coldstart"].bool_value());
  CHECK(attributes["hearth.namespace"].string_value() == "team");
  CHECK(attributes["hearth.attempts"].int_value() == 2);
  CHECK(attributes["hearth.queue_ms"].double_value() == Approx(20));
  REQUIRE(span.events_size() == 2);
  CHECK(span.events(0).name() == "slot");
  CHECK(span.events(0).time_unix_nano() - span.start_time_unix_nano() == 20'000'000u);
  CHECK(span.events(1).name() == "response");
  CHECK(span.status().code() == 0);
}

TEST_CASE("refusals and errors are errors, and odd text stays text") {
  Span refused = NewSpan();
  refused.status = 429;
  refused.reason = "queue_full";
  refused.attempts = 0;
  refused.first_byte = {};
  refused.parent_span_id.clear();
  refused.path = "/function/\xff\xfe";
  Span failed = NewSpan();
  failed.status = 502;
  pb::ExportRequest request;
  REQUIRE(request.ParseFromString(EncodeExport({}, {refused, failed})));
  const auto& spans = request.resource_spans(0).scope_spans(0).spans();
  CHECK(spans[0].status().code() == 2);
  CHECK(spans[0].status().message() == "queue_full");
  CHECK(Attributes(spans[0])["error.type"].string_value() == "queue_full");
  CHECK(Attributes(spans[0])["url.path"].string_value() == "/function/??");
  CHECK(spans[0].parent_span_id().empty());
  CHECK(spans[0].events_size() == 0);
  CHECK(spans[1].status().code() == 2);
}

TEST_CASE("endpoints") {
  CHECK(ParseEndpoint("http://localhost:4318").ok());
  CHECK(ParseEndpoint("http://collector:4318/base/")->target == "/base");
  CHECK(ParseEndpoint("http://10.0.0.1:4318")->port == 4318);
  for (const char* text : {"https://collector:4318", "collector:4318", "unix:/x", "http://"}) {
    INFO(text);
    CHECK_FALSE(ParseEndpoint(text).ok());
  }
}

// A collector that answers as it is told, and remembers.
class Collector {
 public:
  Exporter::Send Send() {
    return [this](const net::ClientRequest& request) -> absl::StatusOr<net::ClientResponse> {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return open_; });
      paths_.push_back(request.target);
      net::ClientResponse response;
      response.status = 200;
      if (!answers_.empty()) {
        response.status = answers_.front();
        answers_.pop_front();
      }
      changed_.notify_all();
      if (response.status == 0) return Unavailable("connection refused");
      if (response.status != 200) return response;
      pb::ExportRequest parsed;
      if (!parsed.ParseFromString(request.body)) return Unavailable("this is no export request");
      for (const pb::Span& span : parsed.resource_spans(0).scope_spans(0).spans()) {
        names_.push_back(span.name());
      }
      largest_ = std::max(largest_, parsed.resource_spans(0).scope_spans(0).spans_size());
      changed_.notify_all();
      return response;
    };
  }
  void Answer(std::deque<int> statuses) { answers_ = std::move(statuses); }
  void Close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool WaitForSpans(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, [&] { return names_.size() >= count; });
  }
  bool WaitForRequests(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, [&] { return paths_.size() >= count; });
  }
  std::vector<std::string> names() const {
    const std::lock_guard lock(mutex_);
    return names_;
  }
  std::vector<std::string> paths() const {
    const std::lock_guard lock(mutex_);
    return paths_;
  }
  int largest() const {
    const std::lock_guard lock(mutex_);
    return largest_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> names_, paths_;
  int largest_ = 0;
  std::condition_variable changed_;
  std::deque<int> answers_;
  bool open_ = true;
};

ExporterOptions Quick() {
  ExporterOptions options;
  options.endpoint = *ParseEndpoint("http://127.0.0.1:4318/base");
  options.loops = 2;
  options.interval = 5ms;
  options.first_pause = 1ms;
  return options;
}

// What the thread counts after it was answered.
template <typename F>
bool Soon(F&& condition) {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  for (int i = 0; i < 10'000 && !condition(); ++i) never.wait_for(lock, 1ms);
  return condition();
}

TEST_CASE("spans of all loops reach the collector") {
  Collector collector;
  Exporter exporter(Quick(), log::Logger::Null(), collector.Send());
  exporter.Add(0, NewSpan("a"));
  exporter.Add(1, NewSpan("b"));
  REQUIRE(collector.WaitForSpans(2));
  CHECK(collector.paths().front() == "/base/v1/traces");
  CHECK(Soon([&] { return exporter.exported() == 2; }));
  CHECK(exporter.dropped() == 0);
}

TEST_CASE("what a collector does not take at once is sent again, and given up in the end") {
  Collector collector;
  SECTION("away for a while") {
    collector.Answer({0, 503, 429, 200});
    Exporter exporter(Quick(), log::Logger::Null(), collector.Send());
    exporter.Add(0, NewSpan());
    REQUIRE(collector.WaitForSpans(1));
    CHECK(Soon([&] { return exporter.exported() == 1; }));
    CHECK(exporter.failed() == 0);
    CHECK(collector.paths().size() == 4);
  }
  SECTION("away for long") {
    collector.Answer({0, 0, 0, 0, 0, 200});
    Exporter exporter(Quick(), log::Logger::Null(), collector.Send());
    exporter.Add(0, NewSpan());
    CHECK(Soon([&] { return exporter.failed() == 1; }));
    exporter.Add(0, NewSpan());
    REQUIRE(collector.WaitForSpans(1));
    CHECK(Soon([&] { return exporter.exported() == 1; }));
  }
  SECTION("it does not like them") {
    collector.Answer({400});
    Exporter exporter(Quick(), log::Logger::Null(), collector.Send());
    exporter.Add(0, NewSpan());
    CHECK(Soon([&] { return exporter.failed() == 1; }));
    CHECK(collector.paths().size() == 1);
  }
}

TEST_CASE("a collector that hangs costs spans, and nothing else") {
  Collector collector;
  collector.Close();
  ExporterOptions options = Quick();
  options.most_waiting = 50;
  options.most_at_once = 20;
  {
    Exporter exporter(options, log::Logger::Null(), collector.Send());
    for (int i = 0; i < 1000; ++i) exporter.Add(0, NewSpan());
    // At most what waits, and once as much in the thread's hands, twice over.
    CHECK(exporter.dropped() >= 1000 - 150);
    CHECK(exporter.dropped() < 1000);
    const uint64_t kept = 1000 - exporter.dropped();
    collector.Open();
    CHECK(Soon([&] { return exporter.exported() == kept; }));
  }
  CHECK(collector.largest() <= 20);
}

TEST_CASE("what waits at the end is sent, or given up at once where nobody takes it") {
  Collector collector;
  ExporterOptions options = Quick();
  options.interval = std::chrono::hours(1);
  SECTION("sent") {
    {
      Exporter exporter(options, log::Logger::Null(), collector.Send());
      for (int i = 0; i < 3; ++i) exporter.Add(0, NewSpan());
    }
    CHECK(collector.names().size() == 3);
  }
  SECTION("given up") {
    options.most_at_once = 10;
    options.first_pause = std::chrono::hours(1);
    collector.Answer(std::deque<int>(100, 0));
    {
      Exporter exporter(options, log::Logger::Null(), collector.Send());
      for (int i = 0; i < 100; ++i) exporter.Add(0, NewSpan());
      collector.WaitForRequests(1);  // the first whole batch wakes it
    }
    CHECK(collector.names().empty());
    CHECK(collector.paths().size() <= 2);
  }
}

TEST_CASE("spans that the collector refuses by its answer are counted") {
  pb::ExportResponse response;
  response.mutable_partial_success()->set_rejected_spans(7);
  CHECK(RejectedSpans(response.SerializeAsString()) == 7);
  CHECK(RejectedSpans("") == 0);
  CHECK(RejectedSpans("{}") == 0);
}

}  // namespace
}  // namespace hearth::gateway::trace
