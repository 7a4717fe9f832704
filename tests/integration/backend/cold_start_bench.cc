#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "backend_fixture.h"

namespace hearth::controller {
namespace {

double Ms(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }

// Not part of the suite: prints the stages of a cold start of a function without a runtime.
TEST_CASE("cold starts of a small function", "[.bench]") {
  BackendFixture f;
  REQUIRE(f.Start().ok());
  model::FunctionSpec spec;
  spec.mode = model::Mode::kStreaming;
  spec.command = {"/bin/cat"};
  std::vector<double> create, boot, total;
  for (int i = 0; i < 40; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const auto begin = std::chrono::steady_clock::now();
    const ReplicaId id = f.Create(spec);
    CHECK(f.Get(id, "/", "x").status >= 0);
    const ReplicaEvent ready = f.WaitFor(id, model::ReplicaState::kReady);
    total.push_back(Ms(std::chrono::steady_clock::now() - begin));
    create.push_back(Ms(ready.create_time));
    boot.push_back(Ms(ready.boot_time));
    f.backend().Kill(id);
    f.WaitFor(id, model::ReplicaState::kGone);
  }
  for (auto* list : {&create, &boot, &total}) std::sort(list->begin(), list->end());
  const auto show = [](const char* name, const std::vector<double>& v) {
    std::printf("%-8s p50 %6.2f ms  p95 %6.2f ms\n", name, v[v.size() / 2], v[v.size() * 95 / 100]);
  };
  show("create", create);
  show("boot", boot);
  show("total", total);
}

}  // namespace
}  // namespace hearth::controller
