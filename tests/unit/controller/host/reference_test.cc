// docs/reference/controller.md says what the code says.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "controller/host/options.h"
#include "core/base/settings.h"

namespace hearth::controller {
namespace {

constexpr const char* kPage = "docs/reference/controller.md";
constexpr std::string_view kBegin =
    "<!-- settings: written by controller_host_test from the code -->\n";
constexpr std::string_view kEnd = "<!-- end of settings -->";

std::string Page() {
  std::ifstream in(kPage);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST_CASE("The reference lists the controller's settings as the program has them") {
  HostOptions options;
  Settings settings("hearth-controller", "");
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
  const std::string now = Page();
  CHECK(now.substr(from, now.find(kEnd) - from) == settings.Markdown());
}

}  // namespace
}  // namespace hearth::controller
