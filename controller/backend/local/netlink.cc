#include "controller/backend/local/netlink.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

// One request under construction: a header, a fixed body and nested attributes, all aligned by 4.
class Message {
 public:
  Message(uint16_t type, uint16_t flags) {
    header()->nlmsg_type = type;
    header()->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    header()->nlmsg_len = NLMSG_LENGTH(0);
  }
  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes_); }

  template <typename T>
  void Body(const T& body) {
    std::memcpy(End(), &body, sizeof(body));
    Grow(sizeof(body));
  }
  void Attribute(uint16_t type, const void* data, size_t size) {
    rtattr attribute{static_cast<unsigned short>(RTA_LENGTH(size)), type};
    std::memcpy(End(), &attribute, sizeof(attribute));
    if (size > 0) std::memcpy(End() + sizeof(attribute), data, size);
    Grow(sizeof(attribute) + size);
  }
  void Attribute(uint16_t type, std::string_view text) {
    Attribute(type, std::string(text).c_str(), text.size() + 1);
  }
  void Attribute(uint16_t type, uint32_t value) { Attribute(type, &value, sizeof(value)); }
  size_t Open(uint16_t type) {
    const size_t at = header()->nlmsg_len;
    Attribute(type, nullptr, 0);
    return at;
  }
  void Close(size_t at) {
    reinterpret_cast<rtattr*>(bytes_ + at)->rta_len =
        static_cast<unsigned short>(header()->nlmsg_len - at);
  }

 private:
  char* End() { return bytes_ + header()->nlmsg_len; }
  void Grow(size_t size) {
    header()->nlmsg_len = static_cast<uint32_t>(NLMSG_ALIGN(header()->nlmsg_len + size));
  }
  alignas(4) char bytes_[512] = {};
};

ifinfomsg Interface(unsigned index) {
  ifinfomsg info{};
  info.ifi_family = AF_UNSPEC;
  info.ifi_index = static_cast<int>(index);
  return info;
}

absl::StatusOr<unsigned> IndexOf(const std::string& name) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return NotFound(Cat("no network interface ", name));
  return index;
}

}  // namespace

absl::StatusOr<Netlink> Netlink::Open() {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.valid()) return Unavailable(Cat("netlink: ", strerror(errno)));
  return Netlink(std::move(fd));
}

absl::Status Netlink::Exchange(void* request, const char* what) {
  auto* header = static_cast<nlmsghdr*>(request);
  header->nlmsg_seq = ++sequence_;
  if (send(fd_.get(), request, header->nlmsg_len, 0) < 0) {
    return Unavailable(Cat(what, ": ", strerror(errno)));
  }
  alignas(4) char reply[4096];
  const ssize_t n = recv(fd_.get(), reply, sizeof(reply), 0);
  const auto* answer = reinterpret_cast<const nlmsghdr*>(reply);
  if (n < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))) ||
      answer->nlmsg_type != NLMSG_ERROR) {
    return Unavailable(Cat(what, ": no answer from the kernel"));
  }
  const int error = -static_cast<const nlmsgerr*>(NLMSG_DATA(answer))->error;
  if (error == EEXIST) return AlreadyExists(what);
  if (error != 0) return Unavailable(Cat(what, ": ", strerror(error)));
  return absl::OkStatus();
}

absl::Status Netlink::AddVethPair(const std::string& here, const std::string& there,
                                  int peer_netns) {
  Message m(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  m.Body(Interface(0));
  m.Attribute(IFLA_IFNAME, here);
  const size_t info = m.Open(IFLA_LINKINFO);
  m.Attribute(IFLA_INFO_KIND, "veth");
  const size_t data = m.Open(IFLA_INFO_DATA);
  const size_t peer = m.Open(VETH_INFO_PEER);
  m.Body(Interface(0));
  m.Attribute(IFLA_IFNAME, there);
  m.Attribute(IFLA_NET_NS_FD, static_cast<uint32_t>(peer_netns));
  m.Close(peer);
  m.Close(data);
  m.Close(info);
  return Exchange(m.header(), "veth");
}

absl::Status Netlink::SetUp(const std::string& name) {
  ASSIGN_OR_RETURN(const unsigned index, IndexOf(name));
  Message m(RTM_NEWLINK, 0);
  ifinfomsg info = Interface(index);
  info.ifi_flags = IFF_UP;
  info.ifi_change = IFF_UP;
  m.Body(info);
  return Exchange(m.header(), "interface up");
}

absl::Status Netlink::AddAddress(const std::string& name, uint32_t ip, unsigned prefix) {
  ASSIGN_OR_RETURN(const unsigned index, IndexOf(name));
  Message m(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  ifaddrmsg address{};
  address.ifa_family = AF_INET;
  address.ifa_prefixlen = static_cast<unsigned char>(prefix);
  address.ifa_index = index;
  m.Body(address);
  const uint32_t wire = htonl(ip);
  m.Attribute(IFA_LOCAL, wire);
  m.Attribute(IFA_ADDRESS, wire);
  return Exchange(m.header(), "address");
}

absl::Status Netlink::AddDefaultRoute(uint32_t gateway) {
  Message m(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  rtmsg route{};
  route.rtm_family = AF_INET;
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_UNICAST;
  m.Body(route);
  m.Attribute(RTA_GATEWAY, htonl(gateway));
  return Exchange(m.header(), "default route");
}

absl::Status Netlink::RemoveInterface(const std::string& name) {
  ASSIGN_OR_RETURN(const unsigned index, IndexOf(name));
  Message m(RTM_DELLINK, 0);
  m.Body(Interface(index));
  return Exchange(m.header(), "remove interface");
}

}  // namespace hearth::controller
