// hearth: the command line.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands/command.h"
#include "core/base/absl_compat.h"
#include "core/base/real_clock.h"
#include "core/base/strings.h"

namespace {

using hearth::Duration;
using hearth::cli::Terminal;

std::optional<std::string> GetEnvironment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

absl::StatusOr<size_t> ReadInput(std::span<char> out) {
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, out.data(), out.size());
    if (n >= 0) return static_cast<size_t>(n);
    if (errno != EINTR) {
      return hearth::Internal(
          hearth::Cat("cannot read standard input: ", std::string_view(strerror(errno))));
    }
  }
}

bool WriteOutput(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

hearth::cli::TerminalSize GetTerminalSize() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

// https://no-color.org, and terminals that cannot.
bool WantsColour() {
  const auto no_colour = GetEnvironment("NO_COLOR");
  return !(no_colour && !no_colour->empty()) && GetEnvironment("TERM").value_or("") != "dumb";
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  Terminal terminal(std::cout, std::cerr,
                    {.out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
                     .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
                     .colour = WantsColour()});
  const hearth::RealClock clock;
  hearth::cli::Context context{
      .terminal = terminal,
      .environment = GetEnvironment,
      .new_transport = hearth::cli::NewTransport,
      .clock = clock,
      .sleep =
          [](Duration d) {
            ::poll(
                nullptr, 0,
                static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()));
          },
      .read_input = ReadInput,
      .input_is_terminal = ::isatty(STDIN_FILENO) == 1,
      .write_output = WriteOutput,
      .terminal_size = GetTerminalSize,
  };
  const int code =
      hearth::cli::RunCommandLine(std::vector<std::string>(argv + 1, argv + argc), context);
  std::cout.flush();
  return std::cout.good() ? code : 1;
}
