#include "controller/backend/local/gateway_link.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/strings.h"

namespace hearth::controller {

void GatewayLink::Refresh() const {
  if (!enabled()) return;
  mkdir(folder_.c_str(), 0700);
  const std::string link_path = Cat(folder_, "/", kName);
  struct stat source {
  }, linked{};
  if (stat(socket_.c_str(), &source) != 0 || !S_ISSOCK(source.st_mode)) return;
  if (lstat(link_path.c_str(), &linked) == 0 && linked.st_ino == source.st_ino &&
      linked.st_dev == source.st_dev) {
    return;
  }
  const std::string temporary = Cat(link_path, ".", syscall(SYS_gettid));
  unlink(temporary.c_str());
  if (link(socket_.c_str(), temporary.c_str()) == 0) rename(temporary.c_str(), link_path.c_str());
}

}  // namespace hearth::controller
