#include <nlohmann/json.hpp>

#include <algorithm>
#include <ostream>
#include <set>

#include "cli/commands/connection.h"
#include "cli/commands/factories.h"
#include "cli/commands/top_view.h"
#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

using nlohmann::json;

constexpr const char* kPath = "/system/v1/top";
// The two lines above the table, the one that says how many more there are, and the cursor's.
constexpr size_t kLinesAround = 5;

class TopCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"top",
            "Show live what the functions do",
            "[NAME[.NAMESPACE]…]",
            "Requests a second, in flight and waiting, median and 99th percentile of the time from "
            "a request to its answer's end, errors (5xx and 429), replicas, and cold starts since "
            "the gateway's start. The numbers are those of the gateway that answers: of several, "
            "each sees its own requests. Until Ctrl-C.",
            {"hearth top", "hearth top --sort p99", "hearth top hello --interval 5s",
             "hearth top --once", "hearth top --once --json"},
            false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&namespace_, {.name = "namespace", .letter = 'n', .help = "Only this namespace"});
    flags->Add(&sort_, {.name = "sort", .letter = 's', .help = Cat("By ", kTopSorts)});
    flags->Add(&interval_, {.name = "interval", .letter = 'i', .help = "Time between two looks"});
    flags->Add(&once_, {.name = "once", .help = "One look of that length, then end"});
    flags->Add(&json_, {.name = "json", .help = "One JSON object a look"});
  }

  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    ASSIGN_OR_RETURN(sort_by_, ParseTopSort(sort_));
    if (interval_ < std::chrono::milliseconds(100) || interval_ > std::chrono::hours(1)) {
      return UsageError(Cat("--interval is between 100ms and 1h; got ", FormatDuration(interval_)));
    }
    for (const std::string& argument : arguments) {
      ASSIGN_OR_RETURN(const FunctionKey key, ParseFunctionName(argument, namespace_));
      wanted_.emplace(key.ns, key.name);
    }
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    ASSIGN_OR_RETURN(TopSample before, Look(*client));
    CheckNames(before, context);
    while (true) {
      context.sleep(interval_);
      auto after = Look(*client);
      if (!after.ok()) {
        if (once_ || !MayPass(after.status())) return after.status();
        context.terminal.Warn(Cat(Printable(Message(after.status())), "; trying again"));
        continue;
      }
      if (!Show(TopRows(&before, *after), *client, context)) return 0;
      if (once_) return 0;
      before = *std::move(after);
    }
  }

 private:
  // The gateway is restarted or out of reach for a moment; anything else stays as it is.
  static bool MayPass(const absl::Status& status) {
    return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
  }

  absl::StatusOr<TopSample> Look(PlatformClient& client) const {
    ASSIGN_OR_RETURN(const json page, client.Call("GET", kPath, nullptr));
    ASSIGN_OR_RETURN(TopSample sample, ParseTop(page));
    std::erase_if(sample.functions, [this](const auto& entry) {
      const auto& [ns, name] = entry.first;
      if (!namespace_.empty() && ns != namespace_) return true;
      return !wanted_.empty() && !wanted_.contains({ns, name}) && !wanted_.contains({"", name});
    });
    return sample;
  }

  void CheckNames(const TopSample& sample, Context& context) const {
    for (const auto& [ns, name] : wanted_) {
      const bool found =
          std::any_of(sample.functions.begin(), sample.functions.end(), [&](const auto& entry) {
            return entry.first.second == name && (ns.empty() || entry.first.first == ns);
          });
      if (!found) {
        context.terminal.Warn(
            Cat("there is no function \"", name, ns.empty() ? "" : "." + ns, "\" yet"));
      }
    }
  }

  // False where nobody reads any more.
  bool Show(std::vector<TopRow> rows, const PlatformClient& client, Context& context) const {
    SortTop(sort_by_, &rows);
    const std::string time = FormatTime(context.clock.WallNow());
    if (json_) {
      const json look = {{"time", time},
                         {"gateway", client.url()},
                         {"intervalMs", interval_ / std::chrono::milliseconds(1)},
                         {"functions", TopJson(rows)}};
      return context.write_output(look.dump() + "\n");
    }
    double rps = 0;
    int64_t in_flight = 0;
    uint64_t queued = 0, replicas = 0;
    for (const TopRow& row : rows) {
      rps += row.rps;
      in_flight += row.in_flight;
      queued += row.queued;
      replicas += row.replicas;
    }
    const std::string head =
        Cat(time.substr(11, 8), "  ", rows.size(), " functions  ", static_cast<uint64_t>(rps + 0.5),
            " rps  ", in_flight, " in flight  ", queued, " waiting  ", replicas, " replicas");
    const bool live = context.terminal.out_is_terminal() && !once_;
    const TerminalSize size = context.terminal_size ? context.terminal_size() : TerminalSize{};
    const size_t width = context.terminal.out_is_terminal() ? size.columns : 0;
    size_t most = 0;
    if (live && size.rows != 0) most = size.rows > kLinesAround ? size.rows - kLinesAround : 1;
    std::string text = width != 0 && head.size() > width ? head.substr(0, width) : head;
    text += "\n\n" + TopTable(rows, width, most);
    if (!live) return context.write_output(text + (once_ ? "" : "\n"));
    return context.write_output(OnScreen(text));
  }

  // Over what stood there: each line wipes its own rest, and the end what is below, so that nothing
  // flickers.
  static std::string OnScreen(const std::string& text) {
    std::string out = "\033[H";
    for (const char c : text) {
      if (c == '\n') out += "\033[K";
      out += c;
    }
    return out + "\033[J";
  }

  Connection connection_;
  std::string namespace_, sort_ = "rps";
  Duration interval_ = std::chrono::seconds(1);
  bool once_ = false, json_ = false;
  TopSort sort_by_ = TopSort::kRps;
  std::set<std::pair<std::string, std::string>> wanted_;
};

}  // namespace

std::unique_ptr<Command> NewTopCommand() { return std::make_unique<TopCommand>(); }

}  // namespace hearth::cli
