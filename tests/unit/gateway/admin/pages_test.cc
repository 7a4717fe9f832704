// What operators and `hearth top` see of a function: its queue, its replicas, what went wrong.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "gateway/admin/functions_page.h"
#include "gateway/admin/top_page.h"
#include "gateway/route/route_store.h"
#include "tests/fakes/fake_clock.h"

namespace hearth::gateway {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class WaiterForever final : public route::SlotWaiter {
  void Notify(std::shared_ptr<queue::Waiter>) override {}
};

struct World {
  World() {
    route::FunctionSpec spec;
    spec.key = {"default", "f"};
    spec.revisions.push_back(
        {"r-1", 1, {{"r-1-a", "10.0.0.1:80", "token", 1}, {"r-1-b", "10.0.0.2:80", "token", 1}}});
    table = store.Reset({spec});
    function = table->Find("f", "default");
    REQUIRE(function != nullptr);
  }
  const std::shared_ptr<balance::Replica>& replica(size_t i) const {
    return function->replicas->revisions.at(0).replicas.at(i);
  }
  std::map<std::string, FunctionTotals> Totals() {
    return SumFunctions(recorder, [this] { return table; });
  }

  fakes::FakeClock clock;
  route::RouteStore store{clock, {}};
  std::shared_ptr<const route::Table> table;
  const route::Function* function = nullptr;
  Recorder recorder{2};
};

TEST_CASE("replicas that are set aside, for how long, and how long requests have waited") {
  World w;
  w.replica(1)->CountFailure();
  w.replica(1)->CountFailure();
  w.replica(1)->SetAside(w.clock.Now() + 500ms);
  route::Slot slot = w.function->state->TryClaim(*w.function->replicas, 0, w.clock.Now(),
                                                 *std::make_unique<balance::Random>(1));
  REQUIRE(slot);
  auto waiter = std::make_shared<WaiterForever>();
  waiter->since = w.clock.Now();
  REQUIRE(w.function->state->Enqueue(waiter, route::FunctionState::Place::kBack, {},
                                     w.clock.Now()) == route::Admission::kQueued);
  w.clock.Advance(120ms);

  const auto totals = w.Totals();
  const json page = json::parse(FunctionsPage(*w.table, totals, w.clock.Now()));
  const json& f = page["functions"][0];
  CHECK(f["queued"] == 1);
  CHECK(f["oldest_queued_ms"].get<double>() == Approx(120));
  CHECK(f["in_flight"] == 1);
  const json& replicas = f["revisions"][0]["replicas"];
  CHECK(replicas[0]["set_aside"] == false);
  CHECK_FALSE(replicas[0].contains("set_aside_ms"));
  CHECK(replicas[1]["set_aside"] == true);
  CHECK(replicas[1]["set_aside_ms"].get<double>() == Approx(380));
  CHECK(replicas[1]["failures"] == 2);
  CHECK(page.dump().find("token") == std::string::npos);
  CHECK(page.dump().find("10.0.0") == std::string::npos);

  const json top = json::parse(TopPage(*w.table, totals, w.clock.Now(), w.clock.Now() - 5s, "id"));
  CHECK(top["gateway"] == json{{"instance", "id"}, {"uptime_ms", 5000.0}});
  const json& row = top["functions"][0];
  CHECK(row["name"] == "f");
  CHECK(row["namespace"] == "default");
  CHECK(row["queued"] == 1);
  CHECK(row["oldest_queued_ms"].get<double>() == Approx(120));
  CHECK(row["replicas"] == 2);
  CHECK(row["set_aside"] == 1);
  CHECK(row["ended"] == 0);  // never called, and shown all the same
  w.function->state->Cancel(*waiter);
}

TEST_CASE("counts are summed over the loops, by what they were") {
  World w;
  const auto end = [&](uint32_t loop, int status, Duration total, std::string_view reason) {
    w.recorder.OnStarted(loop, *w.function);
    proxy::ExchangeRecord record;
    record.loop = loop;
    record.function = w.function;
    record.status = status;
    record.total = record.first_byte = total;
    record.reason = reason;
    record.refused = !reason.empty();
    record.cold = loop == 1;
    w.recorder.OnFinished(record);
  };
  end(0, 200, 100us, "");
  end(1, 200, 100us, "");
  end(0, 404, 3ms, "");
  end(0, 502, 3ms, "upstream_closed");
  end(1, 429, 1ms, "queue_full");
  w.recorder.OnStarted(0, *w.function);
  w.recorder.OnEvent(0, w.function, proxy::EventKind::kRetry, "busy");
  w.recorder.OnEvent(1, w.function, proxy::EventKind::kRetry, "not_sent");

  const auto totals = w.Totals();
  const json top = json::parse(TopPage(*w.table, totals, w.clock.Now(), w.clock.Now(), "id"));
  const json& row = top["functions"][0];
  CHECK(row["started"] == 6);
  CHECK(row["ended"] == 5);
  CHECK(row["in_flight"] == 1);
  CHECK(row["errors"] == 2);
  CHECK(row["refused"] == 2);
  CHECK(row["retries"] == 2);
  CHECK(row["cold_starts"] == 2);
  CHECK(row["latency_us"] == json{{112, 2}, {1024, 1}, {3072, 2}});

  const json page = json::parse(FunctionsPage(*w.table, totals, w.clock.Now()));
  CHECK(page["functions"][0]["events"] ==
        json{{"refusals", {{"queue_full", 1}, {"upstream_closed", 1}}},
             {"retries", {{"busy", 1}, {"not_sent", 1}}}});
}

}  // namespace
}  // namespace hearth::gateway
