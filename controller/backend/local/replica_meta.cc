#include "controller/backend/local/replica_meta.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {

std::string ToJson(const ReplicaMeta& meta) {
  const nlohmann::json json = {{"id", meta.id.value()},
                               {"namespace", meta.function.ns},
                               {"name", meta.function.name},
                               {"revision", meta.revision.value()},
                               {"capacity", meta.capacity},
                               {"pid", meta.pid},
                               {"startTime", meta.start_time},
                               {"innerPid", meta.inner_pid},
                               {"innerStartTime", meta.inner_start_time},
                               {"helperPid", meta.helper_pid},
                               {"helperStartTime", meta.helper_start_time},
                               {"cgroup", meta.cgroup},
                               {"network", meta.network},
                               {"user", meta.user},
                               {"memoryBytes", meta.memory_bytes}};
  return json.dump();
}

absl::StatusOr<ReplicaMeta> ParseReplicaMeta(std::string_view text) {
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    ReplicaMeta meta;
    meta.id = ReplicaId(json.at("id").get<std::string>());
    meta.function = {json.at("namespace").get<std::string>(), json.at("name").get<std::string>()};
    meta.revision = RevisionId(json.at("revision").get<std::string>());
    meta.capacity = json.at("capacity").get<uint32_t>();
    meta.pid = json.at("pid").get<pid_t>();
    meta.start_time = json.at("startTime").get<uint64_t>();
    meta.inner_pid = json.at("innerPid").get<pid_t>();
    meta.inner_start_time = json.at("innerStartTime").get<uint64_t>();
    meta.helper_pid = json.at("helperPid").get<pid_t>();
    meta.helper_start_time = json.at("helperStartTime").get<uint64_t>();
    meta.cgroup = json.at("cgroup").get<std::string>();
    meta.network = json.at("network").get<int>();
    meta.user = json.at("user").get<int>();
    meta.memory_bytes = json.at("memoryBytes").get<uint64_t>();
    return meta;
  } catch (const nlohmann::json::exception& e) {
    return InvalidArgument(Cat("a replica's meta.json: ", e.what()));
  }
}

absl::Status WriteMeta(const std::string& folder, const ReplicaMeta& meta) {
  const std::string path = folder + "/meta.json";
  const std::string temporary = path + ".new";
  const std::string text = ToJson(meta);
  UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid() ||
      write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      rename(temporary.c_str(), path.c_str()) != 0) {
    return Unavailable(Cat("cannot write ", path, ": is the disk full?"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ReplicaMeta> ReadMeta(const std::string& folder) {
  std::ifstream in(folder + "/meta.json");
  if (!in) return NotFound(folder + "/meta.json");
  std::stringstream text;
  text << in.rdbuf();
  return ParseReplicaMeta(text.str());
}

uint64_t StartTimeOf(pid_t pid) {
  std::ifstream in(Cat("/proc/", pid, "/stat"));
  std::string line;
  if (pid <= 0 || !std::getline(in, line)) return 0;
  // Fields after the name, which may itself hold spaces and parentheses: the 20th is the start
  // time.
  const size_t end = line.rfind(')');
  if (end == std::string::npos) return 0;
  const auto fields = SplitFields(std::string_view(line).substr(end + 1));
  return fields.size() > 19 && fields[0] != "Z" ? ParseUint(fields[19]).value_or(0) : 0;
}

bool IsAlive(pid_t pid, uint64_t start_time) {
  return start_time != 0 && StartTimeOf(pid) == start_time;
}

}  // namespace hearth::controller
