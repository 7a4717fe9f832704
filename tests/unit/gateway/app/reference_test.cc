// docs/reference/gateway.md says what the code says.
#include <prometheus/metric_family.h>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "core/base/real_clock.h"
#include "core/base/settings.h"
#include "gateway/app/options.h"
#include "gateway/metrics/collector.h"
#include "gateway/metrics/recorder.h"
#include "gateway/route/route_store.h"

namespace hearth::gateway {
namespace {

constexpr const char* kPage = "docs/reference/gateway.md";
constexpr std::string_view kBegin =
    "<!-- settings: written by gateway_app_test from the code -->\n";
constexpr std::string_view kEnd = "<!-- end of settings -->";

std::string Page() {
  std::ifstream in(kPage);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST_CASE("The reference lists the settings as the program has them") {
  Options options;
  Settings settings("hearth-gateway", "");
  Declare(&options, &settings);
  std::string page = Page();
  const size_t begin = page.find(kBegin);
  const size_t end = page.find(kEnd);
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  const size_t from = begin + kBegin.size();
  if (std::getenv("HEARTH_UPDATE_DOCS") != nullptr) {
    page.replace(from, end - from, settings.Markdown());
    std::ofstream(kPage) << page;
  }
  INFO("run this test with HEARTH_UPDATE_DOCS=1 to write the page anew");
  CHECK(Page().substr(from, settings.Markdown().size()) == settings.Markdown());
}

TEST_CASE("The reference names every metric") {
  const RealClock clock;
  route::RouteStore store(clock, {});
  route::FunctionSpec spec;
  spec.key = {"default", "f"};
  const auto table = store.Reset({spec});
  Recorder recorder(1);
  proxy::ExchangeRecord record;
  record.function = table->Find("f", "default");
  record.status = 200;
  record.cold = true;
  record.queued = record.first_byte = record.total = std::chrono::milliseconds(1);
  record.reason = "x";
  recorder.OnFinished(record);
  recorder.OnRejected(0, 400, "x");
  const Collector collector(
      &recorder, &clock, [&] { return table; }, [] { return std::vector<Reading>(); });
  const std::string page = Page();
  for (const auto& family : collector.Collect()) {
    INFO(family.name);
    CHECK(page.find("`" + family.name + "`") != std::string::npos);
  }
}

}  // namespace
}  // namespace hearth::gateway
