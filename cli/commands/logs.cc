#include <nlohmann/json.hpp>

#include <ostream>

#include "cli/commands/connection.h"
#include "cli/commands/factories.h"
#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

using nlohmann::json;

constexpr size_t kMaxLine = 1u << 20;

class LogsCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"logs",
            "Show what a function prints",
            "NAME[.NAMESPACE]",
            "Follows until Ctrl-C, unless --tail=false. Logs outlive the replicas that wrote them.",
            {"hearth logs hello", "hearth logs hello --tail=false --lines 100",
             "hearth logs hello --since 10m"},
            false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&namespace_, {.name = "namespace", .letter = 'n', .help = "Namespace"});
    flags->Add(&follow_,
               {.name = "tail", .letter = 't', .help = "Follow: show lines as they come"});
    flags->Add(&follow_, {.name = "follow", .letter = 'f', .help = "The same", .hidden = true});
    flags->Add(&lines_, {.name = "lines", .help = "Only the last lines; all by default"});
    flags->Add(&since_, {.name = "since", .help = "Only lines younger than this"});
    flags->Add(
        &since_time_,
        {.name = "since-time", .help = "Only lines since a time, RFC 3339", .value_name = "TIME"});
    flags->Add(&instance_, {.name = "instance", .help = "Show the replica of each line"});
    flags->Add(&show_name_, {.name = "name", .help = "Show the function's name on each line"});
    flags->Add(&times_, {.name = "timestamps", .help = "Show the time of each line"});
    flags->Add(&output_, {.name = "output",
                          .letter = 'o',
                          .help = "plain, keyvalue or json",
                          .value_name = "FORMAT"});
    flags->Add(&json_, {.name = "json", .help = "", .hidden = true});
    flags->Add(&ignored_, {.name = "time-format", .help = "", .hidden = true});
  }

  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 1, 1, Info()));
    if (json_) output_ = "json";
    if (output_ != "plain" && output_ != "keyvalue" && output_ != "json") {
      return UsageError(Cat("--output is plain, keyvalue or json; got \"", output_, "\""));
    }
    ASSIGN_OR_RETURN(const FunctionKey key, ParseFunctionName(arguments[0], namespace_));
    std::string path =
        Cat("/system/logs?name=", PercentEncode(key.name), "&follow=", follow_ ? "true" : "false");
    if (!key.ns.empty()) path += "&namespace=" + PercentEncode(key.ns);
    if (lines_ > 0) path += Cat("&tail=", lines_);
    if (since_ > Duration{}) {
      path += "&since=" + PercentEncode(FormatTime(context.clock.WallNow() - since_));
    } else if (!since_time_.empty()) {
      if (auto time = ParseTime(since_time_); !time.ok()) {
        return UsageError(
            Cat("--since-time \"", since_time_, "\" must look like 2024-05-01T12:00:00Z"));
      }
      path += "&since=" + PercentEncode(since_time_);
    } else {
      // Everything that is kept: the API's own default is a short while.
      path += "&since=" + PercentEncode("1970-01-01T00:00:00Z");
    }
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    std::string rest;
    RETURN_IF_ERROR(client->Follow(path, [&](std::string_view piece) {
      rest += piece;
      bool go_on = true;
      size_t start = 0;
      for (size_t end; go_on && (end = rest.find('\n', start)) != std::string::npos;
           start = end + 1) {
        go_on = Print(std::string_view(rest).substr(start, end - start), context);
      }
      rest.erase(0, start);
      return go_on && rest.size() < kMaxLine;
    }));
    if (!rest.empty()) Print(rest, context);
    return 0;
  }

 private:
  bool Print(std::string_view line, Context& context) const {
    if (Trim(line).empty()) return true;
    if (output_ == "json") return context.write_output(Cat(line, "\n"));
    const json message = json::parse(line, nullptr, false);
    if (!message.is_object()) return context.write_output(Cat(Printable(line), "\n"));
    const std::string text = Printable(Trim(message.value("text", "")));
    const std::string time = message.value("timestamp", ""), name = message.value("name", ""),
                      instance = message.value("instance", "");
    if (output_ == "keyvalue") {
      return context.write_output(Cat("timestamp=\"", time, "\" name=\"", name, "\" instance=\"",
                                      instance, "\" text=\"", text, "\"\n"));
    }
    std::string out;
    if (times_) out += context.terminal.Out(Terminal::Style::kDim, time) + " ";
    if (show_name_) out += name + " ";
    if (instance_)
      out += context.terminal.Out(Terminal::Style::kDim, Cat("(", instance, ")")) + " ";
    return context.write_output(Cat(out, text, "\n"));
  }

  Connection connection_;
  std::string namespace_, since_time_, output_ = "plain", ignored_;
  bool follow_ = true, instance_ = false, show_name_ = false, times_ = true, json_ = false;
  int64_t lines_ = 0;
  Duration since_{};
};

}  // namespace

std::unique_ptr<Command> NewLogsCommand() { return std::make_unique<LogsCommand>(); }

}  // namespace hearth::cli
