#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/unique_fd.h"

namespace hearth::handover {

// What two gateways say to each other when one takes over from the other: packets of text on a Unix
// socket that keeps their boundaries, listening sockets beside them.
//
//   successor                                    predecessor
//   hearth-handover 1                       →
//                                           ←    sockets routes=yes   (one packet or several;
//                                                public 127.0.0.1:8080  a descriptor for each line)
//                                           ←    end
//   go                                      →    from here on it accepts nothing
//                                           ←    leaving
//
// Either may say "error TEXT" instead. A successor that ends before "go" changes nothing.
inline constexpr std::string_view kHello = "hearth-handover 1";
inline constexpr std::string_view kEnd = "end";
inline constexpr std::string_view kGo = "go";
inline constexpr std::string_view kLeaving = "leaving";
inline constexpr std::string_view kError = "error ";

// The kernel passes at most 253 descriptors with one packet.
inline constexpr size_t kMostDescriptors = 200;

// One listening socket: what it is for, the address as it was configured (so that port 0 finds its
// successor too), the descriptor.
struct PassedSocket {
  std::string role;
  std::string address;
  UniqueFd fd;
};

// What a packet of sockets says, without the descriptors.
struct SocketList {
  bool has_routes = false;
  struct Line {
    std::string role;
    std::string address;
    bool operator==(const Line&) const = default;
  };
  std::vector<Line> lines;
};
std::string FormatSockets(const SocketList& list);                 // pure
absl::StatusOr<SocketList> ParseSockets(std::string_view packet);  // pure

struct Packet {
  std::string text;
  std::vector<UniqueFd> descriptors;
};

absl::Status SendPacket(int fd, std::string_view text, const std::vector<int>& descriptors = {});
// Waits at most `patience`, and no longer than until `wake` (-1: none) is readable. Unavailable
// where the other has closed, DeadlineExceeded, Cancelled for `wake`.
absl::StatusOr<Packet> ReceivePacket(int fd, Duration patience, int wake = -1);

}  // namespace hearth::handover
