#include "gateway/fleet/route_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"
#include "hearth/v1/fleet.pb.h"

namespace hearth::fleet {
namespace {

constexpr std::string_view kMagic = "hearth routes 1\n";

uint32_t ChecksumOf(std::string_view bytes) {
  return static_cast<uint32_t>(
      ::crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

std::string Encode(uint32_t value) {
  char bytes[4];
  std::memcpy(bytes, &value, sizeof(value));
  return {bytes, sizeof(bytes)};
}

absl::Status Failed(std::string_view what, const std::string& path) {
  return Unavailable(Cat("cannot ", what, " ", path, ": ", std::string_view(std::strerror(errno))));
}

absl::Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("write", path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status WriteNew(const std::string& path, std::string_view bytes) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return Failed("create", path);
  RETURN_IF_ERROR(WriteAll(fd.get(), bytes, path));
  if (::fdatasync(fd.get()) != 0) return Failed("write", path);
  return absl::OkStatus();
}

}  // namespace

absl::Status SaveRoutes(const std::string& path, std::string_view body) {
  const std::string fresh = path + ".new";
  if (absl::Status status = WriteNew(fresh, Cat(kMagic, Encode(ChecksumOf(body)), body));
      !status.ok()) {
    ::unlink(fresh.c_str());
    return status;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return Failed("replace", path);
  return absl::OkStatus();
}

absl::StatusOr<v1::RouteSnapshot> LoadRoutes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    if (errno == ENOENT) return NotFound(path + " does not exist");
    return Failed("read", path);
  }
  std::ostringstream text;
  text << in.rdbuf();
  const std::string file = std::move(text).str();
  const std::string_view all = file;
  const size_t header = kMagic.size() + 4;
  if (all.size() < header || all.substr(0, kMagic.size()) != kMagic) {
    return absl::DataLossError(A(path + " is not a route cache, or is cut off; it is not used"));
  }
  const std::string_view body = all.substr(header);
  v1::RouteSnapshot snapshot;
  if (all.substr(kMagic.size(), 4) != Encode(ChecksumOf(body)) ||
      !snapshot.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return absl::DataLossError(A(path + " is damaged; it is not used"));
  }
  return snapshot;
}

}  // namespace hearth::fleet
