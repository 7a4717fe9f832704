#include "tests/unit/cli/commands/harness.h"

#include <algorithm>
#include <cstring>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(FakeGateway* gateway) : gateway_(gateway) {}
  absl::StatusOr<HttpResponse> Send(const HttpRequest& request) override {
    return gateway_->Answer(request);
  }
  absl::StatusOr<HttpResponse> Stream(const HttpRequest& request, const StreamSink& sink) override {
    auto answer = gateway_->Answer(request);
    if (!answer.ok()) return answer;
    if (sink.on_head) sink.on_head(*answer);
    // In two pieces, so that nothing relies on whole ones.
    const size_t half = answer->body.size() / 2;
    for (const std::string& piece : {answer->body.substr(0, half), answer->body.substr(half)}) {
      if (!piece.empty() && sink.on_data && !sink.on_data(piece)) break;
    }
    return answer;
  }

 private:
  FakeGateway* gateway_;
};

struct FixedClock final : Clock {
  mutable Duration now{};
  MonotonicTime Now() const override { return MonotonicTime(now); }
  WallTime WallNow() const override { return WallTime(std::chrono::seconds(1'714'564'800)); }
};

}  // namespace

absl::StatusOr<HttpResponse> FakeGateway::Answer(const HttpRequest& request) {
  Seen s{request.method, request.url, request.body, request.headers};
  const size_t path = s.path.find('/', s.path.find("://") + 3);
  s.path = path == std::string::npos ? "/" : s.path.substr(path);
  char buffer[7];
  while (request.body_source) {
    auto n = request.body_source({buffer, sizeof buffer});
    if (!n.ok()) return n.status();
    if (*n == 0) break;
    s.body.append(buffer, *n);
  }
  seen.push_back(s);
  if (!reachable) return Unavailable("connection refused");
  auto at = answers.find(Cat(s.method, " ", s.path));
  if (at == answers.end()) {
    return HttpResponse{404, {}, "{\"error\":\"nothing at " + s.method + " " + s.path + "\"}"};
  }
  const HttpResponse answer = at->second.front();
  if (at->second.size() > 1) at->second.pop_front();
  return answer;
}

int Harness::Run(std::vector<std::string> args) {
  std::ostringstream out_stream, err_stream;
  Terminal terminal(out_stream, err_stream, {.out_is_terminal = out_is_terminal});
  int left = looks;
  FixedClock clock;
  size_t at = 0;
  raw_out.clear();
  Context context{
      .terminal = terminal,
      .environment = [this](std::string_view name) -> std::optional<std::string> {
        const auto it = environment.find(std::string(name));
        if (it == environment.end()) return std::nullopt;
        return it->second;
      },
      .new_transport = [this](Certificates) { return std::make_unique<FakeTransport>(&gateway); },
      .clock = clock,
      .sleep = [&clock](Duration d) { clock.now += d; },
      .read_input = [&](std::span<char> buffer) -> absl::StatusOr<size_t> {
        const size_t n = std::min(buffer.size(), input.size() - at);
        std::memcpy(buffer.data(), input.data() + at, n);
        at += n;
        return n;
      },
      .input_is_terminal = false,
      .write_output =
          [&](std::string_view bytes) {
            raw_out += bytes;
            return --left > 0;
          },
      .terminal_size = [this] { return terminal_size; },
  };
  const int code = RunCommandLine(args, context);
  out = out_stream.str() + raw_out;
  err = err_stream.str();
  return code;
}

}  // namespace hearth::cli
