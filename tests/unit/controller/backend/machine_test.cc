#include <catch2/catch.hpp>

#include "controller/backend/local/cgroups.h"
#include "controller/backend/local/control_watch.h"
#include "controller/backend/local/limits.h"
#include "controller/backend/local/network.h"
#include "controller/backend/local/replica_meta.h"

namespace hearth::controller {
namespace {

constexpr const char* kMounts =
    "24 1 0:20 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "25 24 0:21 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "26 24 0:22 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "27 24 0:23 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

TEST_CASE("control groups are found in the kernel's tables") {
  const char* self = "8:pids:/\n4:memory:/docker/x/y\n2:cpu,cpuacct:/user.slice\n0::/init.scope\n";
  CHECK(CgroupPathOf(self, "memory") == "/docker/x/y");
  CHECK(CgroupPathOf(self, "cpuacct") == "/user.slice");
  CHECK(CgroupPathOf(self, "") == "/init.scope");
  CHECK(CgroupPathOf(self, "io").empty());
  CHECK(CgroupMountOf(kMounts, "cpu").point == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK(CgroupMountOf(kMounts, "memory").root == "/docker/x");
  CHECK(CgroupMountOf(kMounts, "").point == "/sys/fs/cgroup/unified");
  CHECK(CgroupMountOf(kMounts, "pids").point.empty());
}

TEST_CASE("limits") {
  auto limits = LimitsOf({"64Mi", "500m", {}}, "256Mi", 100);
  REQUIRE(limits.ok());
  CHECK(limits->memory_bytes == 64u << 20);
  CHECK(limits->cpu_millis == 500);
  CHECK(limits->max_processes == 100);
  CHECK(LimitsOf({}, "256Mi", 1)->memory_bytes == 256u << 20);
  CHECK(LimitsOf({}, "256Mi", 1)->cpu_millis == 0);
  CHECK_FALSE(LimitsOf({"1Mi", "", {}}, "256Mi", 1).ok());
  CHECK_FALSE(LimitsOf({"lots", "", {}}, "256Mi", 1).ok());
  CHECK_FALSE(LimitsOf({"", "-1", {}}, "256Mi", 1).ok());
}

TEST_CASE("two platforms take different parts of the address space, and free ones") {
  const Subnet a = ChooseSubnet("aaaaaa", {});
  CHECK((a.base & 0xffc00000u) == 0x64400000u);
  CHECK(a.ReplicaAddress(3) == a.base + 14);
  const Subnet b = ChooseSubnet("aaaaaa", {{a.HostAddress(0), 30}});
  CHECK(b.base != a.base);
  CHECK(ChooseSubnet("aaaaaa", {{a.base, 24}, {0x0a000001, 8}}).base == b.base);
}

TEST_CASE("egress rules keep functions off the host and off each other") {
  const std::string rules = EgressRules("hearth_x", ChooseSubnet("x", {}), "hx.");
  CHECK(rules.find("iifname \"hx.*\" drop") != std::string::npos);
  CHECK(rules.find("100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16") != std::string::npos);
  CHECK(rules.find("masquerade") != std::string::npos);
}

TEST_CASE("a replica's meta file is read as it was written") {
  ReplicaMeta meta;
  meta.id = ReplicaId("r-1-abc");
  meta.function = {"ns", "fn"};
  meta.revision = RevisionId("r-1");
  meta.capacity = 7;
  meta.pid = 12;
  meta.start_time = 1ull << 40;
  meta.inner_pid = 13;
  meta.inner_start_time = 5;
  meta.cgroup = "slot-1";
  meta.network = 3;
  meta.user = 4;
  meta.memory_bytes = 1 << 20;
  const auto read = ParseReplicaMeta(ToJson(meta));
  REQUIRE(read.ok());
  CHECK(*read == meta);
  CHECK_FALSE(ParseReplicaMeta("{").ok());
  CHECK_FALSE(ParseReplicaMeta("{\"id\":1}").ok());
}

TEST_CASE("a process id counts only together with its start time") {
  const uint64_t started = StartTimeOf(getpid());
  CHECK(started > 0);
  CHECK(IsAlive(getpid(), started));
  CHECK_FALSE(IsAlive(getpid(), started + 1));
  CHECK_FALSE(IsAlive(0, 0));
}

TEST_CASE("status documents") {
  const auto status = ParseWatchdogStatus(
      R"({"state":"failed","reason":"exit status 1","restarts":2,"init_ms":7,
          "last_exit":{"reason":"signal: killed","time":"x"},"last_output":["a","b"]})");
  REQUIRE(status.ok());
  CHECK(status->state == "failed");
  CHECK(status->reason == "exit status 1");
  CHECK(status->restarts == 2);
  CHECK(status->init_ms == 7);
  CHECK(status->last_exit_reason == "signal: killed");
  CHECK(status->last_output == std::vector<std::string>{"a", "b"});
  CHECK(ParseWatchdogStatus(R"({"state":"ready","last_exit":null,"init_ms":null})").ok());
  CHECK_FALSE(ParseWatchdogStatus("nonsense").ok());
  CHECK_FALSE(ParseWatchdogStatus(R"({"state":7})").ok());
}

}  // namespace
}  // namespace hearth::controller
