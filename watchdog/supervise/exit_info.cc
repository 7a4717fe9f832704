#include <cctype>
#include <csignal>
#include <cstring>

#include "watchdog/supervise/process.h"

namespace hearth::watchdog {

std::string ExitInfo::Reason() const {
  if (out_of_memory) return "killed: out of memory";
  if (signal == 0) return "exit status " + std::to_string(status);
  std::string name = strsignal(signal);
  if (!name.empty()) name[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[0])));
  return "signal: " + name;
}

}  // namespace hearth::watchdog
