#include "cli/build/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/base/absl_compat.h"
#include "core/base/json_escape.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"
#include "core/model/digest.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTargetName = "hearth-bundle.json";

// The archive's own name for an error is better than none; ours says which file.
absl::Status ArchiveError(archive* a, std::string_view what) {
  const char* text = archive_error_string(a);
  return Internal(Cat(what, ": ", std::string_view(text == nullptr ? "unknown error" : text)));
}

// Writes a gzip-compressed tar to a descriptor and hashes what it writes.
class Writer {
 public:
  ~Writer() {
    if (archive_ != nullptr) archive_write_free(archive_);
  }

  absl::Status Open(const std::string& file) {
    fd_.Reset(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd_.valid()) return FailedPrecondition(Cat("cannot write ", file));
    archive_ = archive_write_new();
    const bool ok =
        archive_ != nullptr &&  // Names of any length, as bytes: no locale is asked.
        archive_write_set_format_gnutar(archive_) == ARCHIVE_OK &&
        archive_write_add_filter_gzip(archive_) == ARCHIVE_OK &&
        // No time of packing in gzip's header, and one level for everybody.
        archive_write_set_options(archive_, "gzip:!timestamp,compression-level=6") == ARCHIVE_OK &&
        archive_write_open(archive_, this, nullptr, &Writer::OnBytes, nullptr) == ARCHIVE_OK;
    return ok ? absl::OkStatus() : ArchiveError(archive_, "cannot write a bundle");
  }

  struct Entry {
    std::string path;
    mode_t type = S_IFREG;
    mode_t permissions = 0644;
    uint64_t size = 0;
    std::string link;
  };

  absl::Status Header(const Entry& from) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                              &archive_entry_free);
    archive_entry_set_pathname(entry.get(), from.path.c_str());
    archive_entry_set_filetype(entry.get(), from.type);
    archive_entry_set_perm(entry.get(), from.permissions);
    archive_entry_set_mtime(entry.get(), 0, 0);
    archive_entry_set_uid(entry.get(), 0);
    archive_entry_set_gid(entry.get(), 0);
    if (from.type == S_IFREG)
      archive_entry_set_size(entry.get(), static_cast<la_int64_t>(from.size));
    if (from.type == S_IFLNK) archive_entry_set_symlink(entry.get(), from.link.c_str());
    ++entries_;
    if (archive_write_header(archive_, entry.get()) != ARCHIVE_OK) {
      return ArchiveError(archive_, from.path);
    }
    return absl::OkStatus();
  }

  absl::Status Data(std::string_view bytes) {
    if (archive_write_data(archive_, bytes.data(), bytes.size()) !=
        static_cast<la_ssize_t>(bytes.size())) {
      return ArchiveError(archive_, "cannot write a bundle");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Bundle> Close(const std::string& file) {
    if (archive_write_close(archive_) != ARCHIVE_OK) {
      return ArchiveError(archive_, "cannot write a bundle");
    }
    return Bundle{file, "sha256:" + hash_.Hex(), size_, entries_};
  }

 private:
  static la_ssize_t OnBytes(archive* a, void* self, const void* data, size_t size) {
    auto* writer = static_cast<Writer*>(self);
    const char* bytes = static_cast<const char*>(data);
    for (size_t at = 0; at < size;) {
      const ssize_t n = ::write(writer->fd_.get(), bytes + at, size - at);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        archive_set_error(a, errno, "%s", strerror(errno));
        return -1;
      }
      at += static_cast<size_t>(n);
    }
    writer->hash_.Update({bytes, size});
    writer->size_ += size;
    return static_cast<la_ssize_t>(size);
  }

  UniqueFd fd_;
  archive* archive_ = nullptr;
  model::Sha256 hash_;
  uint64_t size_ = 0;
  uint64_t entries_ = 0;
};

absl::Status AddFile(const std::string& full, const std::string& path, const struct stat& st,
                     Writer* writer) {
  UniqueFd fd(::open(full.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return PermissionDenied(Cat("cannot read ", path));
  const bool executable = (st.st_mode & 0111) != 0;
  RETURN_IF_ERROR(writer->Header({path, S_IFREG, executable ? mode_t{0755} : mode_t{0644},
                                  static_cast<uint64_t>(st.st_size), ""}));
  std::string buffer(256u << 10, '\0');
  auto left = static_cast<uint64_t>(st.st_size);
  while (left > 0) {
    const ssize_t n = ::read(fd.get(), buffer.data(), std::min<uint64_t>(buffer.size(), left));
    if (n <= 0) return FailedPrecondition(Cat(path, " changed while it was packed; try again"));
    RETURN_IF_ERROR(writer->Data({buffer.data(), static_cast<size_t>(n)}));
    left -= static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

absl::Status AddEntry(const std::string& root, const std::string& path, Writer* writer) {
  const std::string full = root + "/" + path;
  struct stat st {};
  if (::lstat(full.c_str(), &st) != 0) return NotFound(Cat("cannot read ", path));
  if (S_ISDIR(st.st_mode)) return writer->Header({path + "/", S_IFDIR, 0755, 0, ""});
  if (S_ISREG(st.st_mode)) return AddFile(full, path, st, writer);
  if (S_ISLNK(st.st_mode)) {
    std::error_code error;
    const std::string target = fs::read_symlink(full, error).string();
    if (error) return NotFound(Cat("cannot read the link ", path));
    if (!LinkStaysInside(path, target)) {
      return InvalidArgument(Cat("the link ", path, " -> ", target,
                                 " leaves the function's folder; copy what it points to"));
    }
    return writer->Header({path, S_IFLNK, 0777, 0, target});
  }
  return InvalidArgument(Cat(path, " is neither a file, a folder nor a link; remove it"));
}

absl::StatusOr<std::vector<std::string>> SortedPaths(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  auto it = fs::recursive_directory_iterator(folder, error);
  if (error) return NotFound(Cat("cannot read the folder ", folder, ": ", error.message()));
  for (; it != fs::recursive_directory_iterator(); it.increment(error)) {
    paths.push_back(it->path().lexically_relative(folder).string());
  }
  if (error) return PermissionDenied(Cat("cannot read below ", folder, ": ", error.message()));
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

std::string TargetJson(const BundleTarget& target) {
  std::string out = "{\"formatVersion\":1";
  for (const auto& [name, value] : {std::pair{"runtime", &target.runtime},
                                    {"runtimeVersion", &target.runtime_version},
                                    {"arch", &target.arch},
                                    {"libc", &target.libc},
                                    {"handler", &target.handler}}) {
    out += Cat(",", JsonString(name), ":", JsonString(*value));
  }
  return out + "}\n";
}

bool LinkStaysInside(const std::string& path, const std::string& target) {
  if (target.empty() || target.front() == '/') return false;
  int depth = static_cast<int>(std::count(path.begin(), path.end(), '/'));
  for (std::string_view part : Split(target, '/')) {
    if (part == "..") --depth;
    if (part != ".." && part != "." && !part.empty()) ++depth;
    if (depth < 0) return false;
  }
  return true;
}

absl::StatusOr<Bundle> WriteBundle(const std::string& folder, const BundleTarget& target,
                                   const std::string& file) {
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, SortedPaths(folder));
  Writer writer;
  RETURN_IF_ERROR(writer.Open(file));
  const std::string json = TargetJson(target);
  RETURN_IF_ERROR(writer.Header({kTargetName, S_IFREG, 0644, json.size(), ""}));
  RETURN_IF_ERROR(writer.Data(json));
  for (const auto& path : paths) {
    if (path == kTargetName) continue;
    RETURN_IF_ERROR(AddEntry(folder, path, &writer));
  }
  return writer.Close(file);
}

}  // namespace hearth::cli
