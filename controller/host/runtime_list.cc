#include "controller/host/runtime_list.h"

#include "controller/runtimes/runtime_catalog.h"
#include "core/base/absl_compat.h"

namespace hearth::controller {

std::vector<RuntimeInfo> ListRuntimes(RuntimeCatalog& catalog) {
  const MachineTarget machine = ThisMachine();
  std::vector<RuntimeInfo> out;
  for (const Runtime* runtime : catalog.List()) {
    RuntimeInfo info;
    info.name = runtime->name;
    info.description = runtime->description;
    info.arch = machine.arch;
    info.libc = machine.libc;
    info.can_inline = runtime->can_inline;
    info.file = runtime->file;
    info.handler = runtime->handler;
    if (auto version = catalog.Version(*runtime); version.ok()) {
      info.version = *version;
    } else {
      info.problem = std::string(Message(version.status()));
    }
    out.push_back(std::move(info));
  }
  return out;
}

}  // namespace hearth::controller
