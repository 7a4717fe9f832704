#include "controller/bundle/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {
namespace {

constexpr size_t kBlock = 128 * 1024;

struct ArchiveCloser {
  void operator()(archive* a) const { archive_read_free(a); }
};
using Reader = std::unique_ptr<archive, ArchiveCloser>;

absl::Status Refuse(std::string_view entry, std::string_view why) {
  return InvalidArgument(Cat("the bundle's entry \"", entry, "\" ", why));
}

// A folder that the function's user can pass, whatever the umask; one that is there already is fine.
bool MakeFolder(int parent, const char* name) {
  if (mkdirat(parent, name, 0755) != 0) return errno == EEXIST;
  return fchmodat(parent, name, 0755, 0) == 0;
}

// Creates the folders above `path`. Never follows a link: every step is opened by itself.
absl::StatusOr<UniqueFd> OpenParent(int root, std::string_view path, std::string* name) {
  UniqueFd at(fcntl(root, F_DUPFD_CLOEXEC, 0));
  auto parts = Split(path, '/');
  *name = parts.back();
  parts.pop_back();
  for (std::string_view part : parts) {
    const std::string step(part);
    if (!MakeFolder(at.get(), step.c_str())) {
      return Unavailable(Cat("mkdir ", path, ": ", strerror(errno)));
    }
    const int next =
        openat(at.get(), step.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) return Refuse(path, "goes through something that is not a folder");
    at.Reset(next);
  }
  return at;
}

class Unpacker {
 public:
  Unpacker(archive* reader, int root, const BundleLimits& limits)
      : reader_(reader), root_(root), limits_(limits) {}

  absl::Status Run() {
    while (true) {
      archive_entry* entry = nullptr;
      const int code = archive_read_next_header(reader_, &entry);
      if (code == ARCHIVE_EOF) break;
      if (code < ARCHIVE_WARN) {
        return InvalidArgument(
            Cat("the bundle is not a readable tar: ", archive_error_string(reader_)));
      }
      RETURN_IF_ERROR(One(entry));
    }
    return MakeLinks();
  }

 private:
  struct Link {
    std::string path, target;
  };

  absl::Status One(archive_entry* entry) {
    const char* raw = archive_entry_pathname(entry);
    const std::string name = raw == nullptr ? "" : raw;
    if (++entries_ > limits_.max_entries) {
      return InvalidArgument(Cat("the bundle has more than ", limits_.max_entries, " entries"));
    }
    if (name == "." || name == "./") return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::string path, CleanEntryPath(name));
    if (const char* hard = archive_entry_hardlink(entry); hard != nullptr) {
      return HardLink(path, hard);
    }
    switch (archive_entry_filetype(entry)) {
      case AE_IFREG:
        return File(path, entry);
      case AE_IFDIR:
        return Folder(path);
      case AE_IFLNK: {
        const char* target = archive_entry_symlink(entry);
        if (target == nullptr || !LinkStaysInside(path, target)) {
          return Refuse(path, Cat("is a link to \"", target == nullptr ? "" : target,
                                  "\", which leaves the bundle"));
        }
        links_.push_back({path, target});
        return absl::OkStatus();
      }
      default:
        return Refuse(path, "is neither a file, a folder nor a link");
    }
  }

  absl::Status Folder(const std::string& path) {
    std::string name;
    ASSIGN_OR_RETURN(const UniqueFd parent, OpenParent(root_, path, &name));
    if (!MakeFolder(parent.get(), name.c_str())) {
      return Unavailable(Cat("mkdir ", path, ": ", strerror(errno)));
    }
    return absl::OkStatus();
  }

  absl::Status File(const std::string& path, archive_entry* entry) {
    std::string name;
    ASSIGN_OR_RETURN(const UniqueFd parent, OpenParent(root_, path, &name));
    const mode_t mode = (archive_entry_perm(entry) & 0111) != 0 ? 0755 : 0644;
    const UniqueFd out(openat(parent.get(), name.c_str(),
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!out.valid() && errno == EEXIST) return Refuse(path, "is there twice");
    if (!out.valid()) return Unavailable(Cat("cannot write ", path, ": ", strerror(errno)));
    fchmod(out.get(), mode);
    std::vector<char> buffer(kBlock);
    while (true) {
      const la_ssize_t n = archive_read_data(reader_, buffer.data(), buffer.size());
      if (n < 0) return Refuse(path, Cat("is damaged: ", archive_error_string(reader_)));
      if (n == 0) return absl::OkStatus();
      bytes_ += static_cast<uint64_t>(n);
      if (bytes_ > limits_.max_unpacked_bytes) {
        return InvalidArgument(Cat("the bundle is larger than ", limits_.max_unpacked_bytes >> 20,
                                   " MiB when it is unpacked"));
      }
      for (la_ssize_t done = 0; done < n;) {
        const ssize_t w = write(out.get(), buffer.data() + done, static_cast<size_t>(n - done));
        if (w < 0) return Unavailable(Cat("cannot write ", path, ": ", strerror(errno)));
        done += w;
      }
    }
  }

  absl::Status HardLink(const std::string& path, std::string_view target) {
    ASSIGN_OR_RETURN(const std::string clean, CleanEntryPath(target));
    std::string from_name, to_name;
    ASSIGN_OR_RETURN(const UniqueFd from, OpenParent(root_, clean, &from_name));
    ASSIGN_OR_RETURN(const UniqueFd to, OpenParent(root_, path, &to_name));
    if (linkat(from.get(), from_name.c_str(), to.get(), to_name.c_str(), 0) != 0) {
      return Refuse(path, Cat("is a link to \"", target, "\", which is not there"));
    }
    return absl::OkStatus();
  }

  // Last, so that nothing is written through one.
  absl::Status MakeLinks() {
    for (const Link& link : links_) {
      std::string name;
      ASSIGN_OR_RETURN(const UniqueFd parent, OpenParent(root_, link.path, &name));
      if (symlinkat(link.target.c_str(), parent.get(), name.c_str()) != 0) {
        return Refuse(link.path, "is there twice");
      }
    }
    return absl::OkStatus();
  }

  archive* reader_;
  const int root_;
  const BundleLimits& limits_;
  uint64_t entries_ = 0;
  uint64_t bytes_ = 0;
  std::vector<Link> links_;
};

}  // namespace

absl::StatusOr<std::string> CleanEntryPath(std::string_view path) {
  if (path.empty() || path.front() == '/') return Refuse(path, "is not below the bundle's folder");
  std::string out;
  for (std::string_view part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return Refuse(path, "leaves the bundle's folder");
    if (std::any_of(part.begin(), part.end(), [](char c) { return c >= 0 && c < 32; })) {
      return Refuse(path, "has control characters in its name");
    }
    if (!out.empty()) out += '/';
    out += part;
  }
  if (out.empty()) return Refuse(path, "has no name");
  return out;
}

bool LinkStaysInside(std::string_view path, std::string_view target) {
  if (target.empty() || target.front() == '/') return false;
  const auto above = Split(path, '/');
  auto depth = static_cast<int64_t>(above.size()) - 1;
  for (std::string_view part : Split(target, '/')) {
    if (part.empty() || part == ".") continue;
    depth += part == ".." ? -1 : 1;
    if (depth < 0) return false;
  }
  return true;
}

absl::Status UnpackArchive(const std::string& path, const std::string& folder,
                           const BundleLimits& limits) {
  const Reader reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_filename(reader.get(), path.c_str(), kBlock) != ARCHIVE_OK) {
    return InvalidArgument(
        Cat("the bundle is not a compressed tar: ", archive_error_string(reader.get())));
  }
  const UniqueFd root(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return Unavailable(Cat("cannot open ", folder, ": ", strerror(errno)));
  return Unpacker(reader.get(), root.get(), limits).Run();
}

}  // namespace hearth::controller
