#pragma once

#include <absl/status/statusor.h>

#include <functional>
#include <span>
#include <string>

#include "cli/client/transport.h"
#include "cli/config/paths.h"
#include "cli/terminal/terminal.h"
#include "core/base/clock.h"

namespace hearth::cli {

// Everything outside that a command touches but files: made once in main, faked in tests.
struct Context {
  Terminal& terminal;
  Environment environment;
  std::function<std::unique_ptr<Transport>(Certificates)> new_transport;
  const Clock& clock;
  std::function<void(Duration)> sleep;
  // Bytes of standard input; 0: the end.
  std::function<absl::StatusOr<size_t>(std::span<char>)> read_input;
  bool input_is_terminal = false;
  // Standard output as bytes, unbuffered: false where nobody reads any more.
  std::function<bool(std::string_view)> write_output;
  // Of standard output, now; zeros where it is no terminal or does not say.
  std::function<TerminalSize()> terminal_size = {};
};

// All of standard input, at most 64 MiB.
absl::StatusOr<std::string> ReadAllInput(Context& context);

}  // namespace hearth::cli
