// docs/reference/{gateway,metrics}.md say what the code says.
#include <catch2/catch.hpp>
#include <prometheus/metric_family.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include "core/base/real_clock.h"
#include "core/base/settings.h"
#include "core/base/strings.h"
#include "gateway/app/options.h"
#include "gateway/metrics/collector.h"
#include "gateway/metrics/recorder.h"
#include "gateway/route/route_store.h"

namespace hearth::gateway {
namespace {

constexpr const char* kSettingsPage = "docs/reference/gateway.md";
constexpr const char* kMetricsPage = "docs/reference/metrics.md";

std::string Page(const char* path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// What stands between the two marks is `want`; written anew when asked to.
void CheckSection(const char* path, std::string_view begin_mark, std::string_view end_mark,
                  const std::string& want) {
  std::string page = Page(path);
  const size_t begin = page.find(begin_mark);
  const size_t end = page.find(end_mark);
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  const size_t from = begin + begin_mark.size();
  if (std::getenv("HEARTH_UPDATE_DOCS") != nullptr) {
    page.replace(from, end - from, want);
    std::ofstream(path) << page;
  }
  INFO("run this test with HEARTH_UPDATE_DOCS=1 to write " << path << " anew");
  CHECK(Page(path).substr(from, want.size() + end_mark.size()) == want + std::string(end_mark));
}

std::string EventsMarkdown() {
  std::string text = "| counter | labels | reason | when |\n|---|---|---|---|\n";
  constexpr std::pair<const char*, const char*> kFamilies[proxy::kEventKinds] = {
      {"hearth_gateway_refusals_total", "`function_name`, `reason`"},
      {"hearth_gateway_retries_total", "`function_name`, `reason`"},
      {"hearth_gateway_ejections_total", "`function_name`, `reason`"},
      {"hearth_gateway_ejections_spared_total", "`function_name`, `reason`"},
      {"hearth_gateway_resets_total", "`function_name`, `side`, `reason`"},
      {"hearth_gateway_timeouts_total", "`function_name`, `kind`"},
      {"hearth_gateway_tls_failures_total", "`reason`"}};
  size_t last = proxy::kEventKinds;
  for (const proxy::EventInfo& event : proxy::kEvents) {
    const auto kind = static_cast<size_t>(event.kind);
    text += kind == last ? "| | |"
                         : Cat("| `", kFamilies[kind].first, "` | ", kFamilies[kind].second, " |");
    last = kind;
    text += Cat(" `", event.reason, "`", event.side.empty() ? "" : Cat(" (", event.side, ")"),
                " | ", event.meaning, " |\n");
  }
  return text;
}

TEST_CASE("The reference lists the settings as the program has them") {
  Options options;
  Settings settings("hearth-gateway", "");
  Declare(&options, &settings);
  CheckSection(kSettingsPage, "<!-- settings: written by gateway_app_test from the code -->\n",
               "<!-- end of settings -->", settings.Markdown());
}

TEST_CASE("The reference lists what is counted by its reason") {
  CheckSection(kMetricsPage, "<!-- events: written by gateway_app_test from the code -->\n",
               "<!-- end of events -->", EventsMarkdown());
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
  recorder.OnFinished(record);
  recorder.OnEvent(0, nullptr, proxy::EventKind::kRefusal, "busy");
  const Collector collector(
      &recorder, &clock, [&] { return table; }, [] { return std::vector<Reading>(); });
  const std::string page = Page(kMetricsPage);
  for (const auto& family : collector.Collect()) {
    INFO(family.name);
    CHECK(page.find("`" + family.name + "`") != std::string::npos);
  }
}

TEST_CASE("The reference names every metric that stands in the sources") {
  const std::string page = Page(kMetricsPage);
  const std::regex name(R"re("((?:hearth|http|gateway|process)_[a-z_]+)")re");
  for (const char* folder :
       {"gateway/metrics", "gateway/app", "controller/app", "watchdog/front", "watchdog/app"}) {
    size_t found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string text = Page(entry.path().c_str());
      for (std::sregex_iterator it(text.begin(), text.end(), name), end; it != end; ++it) {
        INFO(entry.path() << " has " << (*it)[1]);
        CHECK(page.find(Cat("`", (*it)[1].str(), "`")) != std::string::npos);
        ++found;
      }
    }
    INFO(folder);
    CHECK(found >= 4);
  }
}

}  // namespace
}  // namespace hearth::gateway
