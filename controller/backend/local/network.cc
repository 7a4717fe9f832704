#include "controller/backend/local/network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sched.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <thread>

#include "controller/backend/local/netlink.h"
#include "controller/process/spawn.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

constexpr uint32_t kSharedSpace = (100u << 24) | (64u << 16);
constexpr int kParts = 256;
constexpr int kToolTimeoutMs = 5000;

uint32_t MaskOf(unsigned prefix) { return prefix == 0 ? 0 : ~0u << (32 - prefix); }

std::string Dotted(uint32_t ip) {
  return Cat(ip >> 24, ".", (ip >> 16) & 255, ".", (ip >> 8) & 255, ".", ip & 255);
}

// The same for one name in every run and every build.
uint32_t StableHash(std::string_view text) {
  uint32_t hash = 2166136261u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

std::vector<std::pair<uint32_t, unsigned>> UsedAddresses(const std::string& own_prefix) {
  std::vector<std::pair<uint32_t, unsigned>> used;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return used;
  for (ifaddrs* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET || i->ifa_netmask == nullptr) {
      continue;
    }
    if (std::string_view(i->ifa_name).starts_with(own_prefix)) continue;
    const uint32_t ip = ntohl(reinterpret_cast<sockaddr_in*>(i->ifa_addr)->sin_addr.s_addr);
    const uint32_t mask = ntohl(reinterpret_cast<sockaddr_in*>(i->ifa_netmask)->sin_addr.s_addr);
    used.emplace_back(ip, static_cast<unsigned>(__builtin_popcount(mask)));
  }
  freeifaddrs(list);
  return used;
}

absl::Status RunNft(const std::string& rules) {
  ASSIGN_OR_RETURN(const CommandResult result,
                   RunCommand({"/usr/sbin/nft", "-f", "-"}, kToolTimeoutMs, rules));
  if (result.exit_status != 0) return Unavailable(Cat("nft: ", Trim(result.output)));
  return absl::OkStatus();
}

absl::Status EnableForwarding() {
  const char* path = "/proc/sys/net/ipv4/ip_forward";
  std::string value;
  std::ifstream(path) >> value;
  if (value == "1") return absl::OkStatus();
  std::ofstream out(path);
  out << "1" << std::flush;
  if (!out.good()) return Unavailable(Cat(path, " cannot be set to 1"));
  return absl::OkStatus();
}

std::string TableName(const std::string& instance) { return "hearth_" + instance; }
std::string InterfacePrefix(const std::string& instance) { return "h" + instance + "."; }

}  // namespace

std::string Subnet::Text() const { return Cat(Dotted(base), "/", kPrefix); }

Subnet ChooseSubnet(const std::string& instance,
                    const std::vector<std::pair<uint32_t, unsigned>>& used) {
  const uint32_t first = StableHash(instance) % kParts;
  for (uint32_t i = 0; i < kParts; ++i) {
    const Subnet subnet{kSharedSpace + (((first + i) % kParts) << (32 - Subnet::kPrefix))};
    bool overlaps = false;
    for (const auto& [ip, prefix] : used) {
      const uint32_t mask = MaskOf(std::min(prefix, Subnet::kPrefix));
      overlaps = overlaps || (ip & mask) == (subnet.base & mask);
    }
    if (!overlaps) return subnet;
  }
  return Subnet{kSharedSpace + (first << (32 - Subnet::kPrefix))};
}

std::string EgressRules(const std::string& table, const Subnet& subnet,
                        const std::string& interface_prefix) {
  const std::string from_ours = Cat("    iifname \"", interface_prefix, "*\" ");
  const std::string to_ours = Cat("    oifname \"", interface_prefix, "*\" ");
  // Created before it is deleted, so that the deletion cannot fail; one transaction.
  std::string out = Cat("table inet ", table, " {}\ndelete table inet ", table, "\n");
  out += Cat("table inet ", table, " {\n");
  out += "  chain input {\n    type filter hook input priority -10;\n";
  out += from_ours + "drop\n  }\n";
  out += "  chain forward {\n    type filter hook forward priority -10;\n";
  out += from_ours + "meta nfproto ipv6 drop\n";
  out += Cat(from_ours, "ip saddr != ", subnet.Text(), " drop\n");
  out += from_ours + "ip daddr { 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16 } drop\n";
  out += to_ours + "ct state != { established, related } drop\n  }\n";
  out += "  chain postrouting {\n    type nat hook postrouting priority 100;\n";
  out +=
      Cat("    ip saddr ", subnet.Text(), " ip daddr != ", subnet.Text(), " masquerade\n  }\n}\n");
  return out;
}

absl::StatusOr<std::unique_ptr<HostNetwork>> HostNetwork::SetUp(const std::string& instance,
                                                                std::vector<std::string>* notices) {
  const std::string prefix = InterfacePrefix(instance);
  const Subnet subnet = ChooseSubnet(instance, UsedAddresses(prefix));
  absl::Status egress = RunNft(EgressRules(TableName(instance), subnet, prefix));
  if (egress.ok()) egress = EnableForwarding();
  if (!egress.ok()) {
    notices->push_back(Cat("functions cannot reach the network: ", Message(egress),
                           "; install nftables and run as root with CAP_NET_ADMIN"));
  }
  return std::unique_ptr<HostNetwork>(new HostNetwork(instance, subnet, egress.ok()));
}

std::string HostNetwork::InterfaceName(int index) const {
  return Cat(InterfacePrefix(instance_), index);
}

absl::StatusOr<Netns> HostNetwork::Create() {
  Netns netns;
  // A thread of its own enters the new namespace, so that no other thread can be caught inside.
  absl::Status status = absl::OkStatus();
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      status = Unavailable(Cat("network namespace: ", strerror(errno)));
      return;
    }
    netns.fd.Reset(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    // An image's server may listen on port 80 although it has no capabilities.
    std::ofstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") << "0" << std::flush;
    auto netlink = Netlink::Open();
    status = netlink.ok() ? netlink->SetUp("lo") : netlink.status();
  }).join();
  RETURN_IF_ERROR(status);
  if (!egress_) return netns;
  netns.index = indexes_.Take();
  if (netns.index < 0) return netns;
  const absl::Status connected = Connect(netns);
  if (!connected.ok()) {
    Release(netns.index);
    return connected;
  }
  return netns;
}

absl::Status HostNetwork::Connect(const Netns& netns) {
  const std::string name = InterfaceName(netns.index);
  ASSIGN_OR_RETURN(Netlink here, Netlink::Open());
  absl::Status added = here.AddVethPair(name, "eth0", netns.fd.get());
  if (absl::IsAlreadyExists(added)) {
    // Left by a namespace that the kernel is still taking down.
    (void)here.RemoveInterface(name);
    added = here.AddVethPair(name, "eth0", netns.fd.get());
  }
  RETURN_IF_ERROR(added);
  RETURN_IF_ERROR(here.AddAddress(name, subnet_.HostAddress(netns.index), 30));
  RETURN_IF_ERROR(here.SetUp(name));
  absl::Status status = absl::OkStatus();
  std::thread([&] {
    if (setns(netns.fd.get(), CLONE_NEWNET) != 0) {
      status = Unavailable(Cat("setns: ", strerror(errno)));
      return;
    }
    auto there = Netlink::Open();
    if (!there.ok()) {
      status = there.status();
      return;
    }
    status = there->AddAddress("eth0", subnet_.ReplicaAddress(netns.index), 30);
    if (status.ok()) status = there->SetUp("eth0");
    if (status.ok()) status = there->AddDefaultRoute(subnet_.HostAddress(netns.index));
  }).join();
  return status;
}

void HostNetwork::TearDown() {
  auto netlink = Netlink::Open();
  if (netlink.ok()) {
    for (const int index : indexes_.used()) (void)netlink->RemoveInterface(InterfaceName(index));
  }
  const std::string table = TableName(instance_);
  (void)RunNft(Cat("table inet ", table, " {}\ndelete table inet ", table, "\n"));
}

}  // namespace hearth::controller
