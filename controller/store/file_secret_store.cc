#include "controller/store/file_secret_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "controller/store/secret_rules.h"
#include "core/base/absl_compat.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {
namespace {

absl::Status ErrorOf(int error, std::string_view doing) {
  const std::string text = Cat("cannot ", doing, ": ", ::strerror(error));
  if (error == ENOSPC || error == EDQUOT) return Unavailable(text + "; make room");
  if (error == ENOENT) return NotFound(text);
  return Unavailable(text);
}

absl::Status MakeFolder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrorOf(errno, Cat("make folder ", path));
  }
  ::chmod(path.c_str(), 0700);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return ErrorOf(errno, "read a secret");
  std::string out;
  char buffer[16384];
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrorOf(errno, "read a secret");
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

absl::Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrorOf(errno, "write a secret");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return ::fsync(fd) == 0 ? absl::OkStatus() : ErrorOf(errno, "write a secret");
}

void SyncFolder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.valid()) ::fsync(fd.get());
}

// Whole or not at all: a temporary file beside it, which begins with a dot as no secret does.
absl::Status ReplaceFile(const std::string& folder, const std::string& path,
                         std::string_view bytes) {
  const std::string temporary = Cat(folder, "/.new-", RandomBase36(8));
  absl::Status done = [&] {
    const UniqueFd fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return ErrorOf(errno, "write a secret");
    return WriteAll(fd.get(), bytes);
  }();
  if (done.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    done = ErrorOf(errno, "write a secret");
  }
  if (!done.ok()) {
    ::unlink(temporary.c_str());
    return done;
  }
  SyncFolder(folder);
  return absl::OkStatus();
}

std::string Digest(std::string_view salt, std::string_view value) {
  std::string text(salt);
  text.append(value);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  std::string out;
  for (const unsigned char byte : digest) {
    constexpr char kHex[] = "0123456789abcdef";
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileSecretStore>> FileSecretStore::Open(std::string folder) {
  RETURN_IF_ERROR(MakeFolder(folder));
  const std::string salt_path = folder + "/.salt";
  auto salt = ReadFile(salt_path);
  if (absl::IsNotFound(salt.status())) {
    std::string fresh(32, '\0');
    FillRandom(fresh);
    RETURN_IF_ERROR(ReplaceFile(folder, salt_path, fresh));
    salt = std::move(fresh);
  }
  RETURN_IF_ERROR(salt.status());
  return std::unique_ptr<FileSecretStore>(new FileSecretStore(std::move(folder), *std::move(salt)));
}

std::string FileSecretStore::FolderOf(std::string_view ns) const { return Cat(folder_, "/", ns); }
std::string FileSecretStore::PathOf(std::string_view ns, std::string_view name) const {
  return Cat(folder_, "/", ns, "/", name);
}

bool FileSecretStore::Exists(std::string_view ns, std::string_view name) const {
  struct stat info {};
  return ::lstat(PathOf(ns, name).c_str(), &info) == 0;
}

absl::Status FileSecretStore::Write(std::string_view ns, std::string_view name,
                                    std::string_view value) {
  RETURN_IF_ERROR(MakeFolder(FolderOf(ns)));
  return ReplaceFile(FolderOf(ns), PathOf(ns, name), value);
}

absl::StatusOr<std::vector<std::string>> FileSecretStore::List(std::string_view ns) const {
  RETURN_IF_ERROR(CheckSecretName(ns, "any"));
  std::vector<std::string> names;
  const std::lock_guard lock(mutex_);
  DIR* dir = ::opendir(FolderOf(ns).c_str());
  if (dir == nullptr) {
    if (errno == ENOENT) return names;
    return ErrorOf(errno, "list secrets");
  }
  while (const dirent* entry = ::readdir(dir)) {
    if (CheckSecretName(ns, entry->d_name).ok()) names.emplace_back(entry->d_name);
  }
  ::closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::string> FileSecretStore::Read(std::string_view ns,
                                                  std::string_view name) const {
  RETURN_IF_ERROR(CheckSecretName(ns, name));
  auto value = ReadFile(PathOf(ns, name));
  if (absl::IsNotFound(value.status())) return SecretNotFound(ns, name);
  return value;
}

absl::Status FileSecretStore::Create(std::string_view ns, std::string_view name,
                                     std::string_view value) {
  RETURN_IF_ERROR(CheckSecretName(ns, name));
  RETURN_IF_ERROR(CheckSecretValue(name, value));
  const std::lock_guard lock(mutex_);
  if (Exists(ns, name)) return SecretExists(ns, name);
  return Write(ns, name, value);
}

absl::Status FileSecretStore::Update(std::string_view ns, std::string_view name,
                                     std::string_view value) {
  RETURN_IF_ERROR(CheckSecretName(ns, name));
  RETURN_IF_ERROR(CheckSecretValue(name, value));
  const std::lock_guard lock(mutex_);
  if (!Exists(ns, name)) return SecretNotFound(ns, name);
  return Write(ns, name, value);
}

absl::Status FileSecretStore::Remove(std::string_view ns, std::string_view name) {
  RETURN_IF_ERROR(CheckSecretName(ns, name));
  const std::lock_guard lock(mutex_);
  if (::unlink(PathOf(ns, name).c_str()) != 0) {
    if (errno == ENOENT) return SecretNotFound(ns, name);
    return ErrorOf(errno, "remove a secret");
  }
  ::rmdir(FolderOf(ns).c_str());  // only where it is empty
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, std::string>> FileSecretStore::Versions(
    std::string_view ns, const std::vector<std::string>& names) const {
  std::map<std::string, std::string> versions;
  std::string missing;
  for (const auto& name : names) {
    auto value = Read(ns, name);
    if (absl::IsNotFound(value.status())) {
      missing += Cat(missing.empty() ? "" : ", ", "\"", name, "\"");
      continue;
    }
    RETURN_IF_ERROR(value.status());
    versions[name] = Digest(salt_, *value);
  }
  if (!missing.empty()) {
    return NotFound(
        Cat("missing in namespace \"", ns, "\": secret ", missing, "; create it first with \"hearth secret create\""));
  }
  return versions;
}

}  // namespace hearth::controller
