#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/net/http_client.h"

namespace hearth::watchdog {

// A folder that goes away with its contents.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  const std::string& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& text) const;
  std::string Read(const std::string& name) const;

 private:
  std::string path_;
};

// The program as it is shipped, with its sockets in a folder; ended by the destructor.
class RealWatchdog {
 public:
  struct Options {
    std::map<std::string, std::string> env;
    std::vector<std::string> command;
    std::vector<std::string> wrapper;  // such as bwrap …; before the program
    bool inherit = false;              // sockets and logs by descriptors 3 to 6
  };
  RealWatchdog(const TempFolder& folder, const Options& options);
  ~RealWatchdog();

  // A request over the data socket, or the control socket.
  net::ClientResponse Call(net::ClientRequest request) const;
  net::ClientResponse Get(const std::string& target) const;
  net::ClientResponse Control(const std::string& method, const std::string& target) const;
  std::string StatusField(const std::string& name) const;  // of GET /status
  // Waits until it listens and is ready.
  void AwaitReady() const;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  int Wait();  // exit code, or 128 + the signal
  long RssKib() const;
  std::string log() const { return folder_.Read("stdout"); }

 private:
  const TempFolder& folder_;
  pid_t pid_ = -1;
};

// Waits up to ten seconds; false when it never became true.
bool Eventually(const std::function<bool()>& condition);

// Processes whose command line is `text`, or begins with it and a space.
int CountProcesses(const std::string& text);

}  // namespace hearth::watchdog
