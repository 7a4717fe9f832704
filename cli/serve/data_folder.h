#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>

#include "cli/config/gateway.h"
#include "core/base/unique_fd.h"

namespace hearth::cli {

// The data folder of one platform (docs/reference/api.md), held by a lock for as long as the object
// lives: one platform a folder. One thread.
class DataFolder {
 public:
  // Makes what is missing. Errors name the folder and --data; a folder that is in use, its holder.
  // With `lock`, the descriptor of a lock that this process held before it replaced its program,
  // the platform that runs there is continued.
  static absl::StatusOr<std::unique_ptr<DataFolder>> Open(const std::string& path,
                                                          const Environment& environment,
                                                          UniqueFd lock = {});
  ~DataFolder();

  const std::string& path() const { return path_; }
  const std::string& run() const { return run_; }  // for sockets: short
  int lock() const { return lock_.get(); }
  std::string credentials_file() const { return path_ + "/credentials"; }

  // Reads the credentials, or makes them: then `made` is set.
  struct Keys {
    Credentials credentials;
    bool made = false;
  };
  absl::StatusOr<Keys> EnsureCredentials();

  // The gateway's URL for the command line on this machine; removed when the object goes.
  absl::Status WriteEndpoint(const std::string& url);

  // Remembers a child's process id, so that the next start finds what a crash has left.
  absl::Status WritePid(const std::string& name, int pid);
  void RemovePid(const std::string& name);
  // The process of that name if it still runs: its executable's name must be `program`.
  std::optional<int> LeftOver(const std::string& name, const std::string& program) const;

 private:
  DataFolder(std::string path, std::string run, UniqueFd lock);
  std::string path_;
  std::string run_;
  UniqueFd lock_;
};

// Where `run` is kept when DATA/run would make sockets' paths longer than the kernel allows: below
// $XDG_RUNTIME_DIR or /tmp, named by the data folder. Empty: DATA/run is short enough. Pure.
std::string ShortRunFolder(const std::string& data, const std::optional<std::string>& runtime_dir,
                           unsigned uid);

}  // namespace hearth::cli
