#include "gateway/auth/credential_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::auth {

absl::Status CredentialFile::StampOf(const std::string& path, Stamp* stamp) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return NotFound("cannot read " + path + ": " + std::strerror(errno));
  }
  *stamp = {static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino),
            static_cast<int64_t>(info.st_size), static_cast<int64_t>(info.st_mtim.tv_sec),
            static_cast<int64_t>(info.st_mtim.tv_nsec)};
  return absl::OkStatus();
}

absl::Status CredentialFile::Refresh() {
  Stamp stamp;
  if (absl::Status status = StampOf(path_, &stamp); !status.ok()) {
    const bool reported = looked_ && !seen_;
    looked_ = true;
    seen_.reset();
    return reported ? absl::OkStatus() : status;
  }
  looked_ = true;
  if (seen_ == stamp) return absl::OkStatus();
  seen_ = stamp;
  std::ifstream in(path_, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return Unavailable("cannot read " + path_ + ": " + std::strerror(errno));
  absl::StatusOr<CredentialSet> parsed = CredentialSet::Parse(text.str());
  if (!parsed.ok()) return InvalidArgument(Cat(path_, ": ", Message(parsed.status())));
  sets_.push_back(std::make_unique<const CredentialSet>(*std::move(parsed)));
  current_.store(sets_.back().get(), std::memory_order_release);
  return absl::OkStatus();
}

}  // namespace hearth::auth
