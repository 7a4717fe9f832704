#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "cli/commands/command.h"
#include "core/base/clock.h"

namespace hearth::cli {

// A gateway that answers from a table and remembers what it was asked.
struct FakeGateway {
  struct Seen {
    std::string method, path, body;
    HeaderFields headers;
    std::string Header(std::string_view name) const {
      HttpResponse r;
      r.headers = headers;
      return std::string(r.Header(name));
    }
  };
  // "GET /path" → answers, each given once, the last one for ever.
  std::map<std::string, std::deque<HttpResponse>> answers;
  std::vector<Seen> seen;
  bool reachable = true;

  void On(const std::string& what, int status, std::string body = "", HeaderFields headers = {}) {
    answers[what].push_back({status, std::move(headers), std::move(body)});
  }
  absl::StatusOr<HttpResponse> Answer(const HttpRequest& request);
};

// Runs command lines against it, with nothing real but the files they name.
struct Harness {
  FakeGateway gateway;
  std::map<std::string, std::string> environment{{"HOME", "/nonexistent"},
                                                 {"HEARTH_URL", "http://gw"}};
  std::string input;
  bool out_is_terminal = false;
  TerminalSize terminal_size;
  int looks = 1 << 20;  // after so many pieces of output nobody reads any more
  std::string out, err, raw_out;

  int Run(std::vector<std::string> args);
};

}  // namespace hearth::cli
