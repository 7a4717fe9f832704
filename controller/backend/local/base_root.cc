#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "controller/backend/local/sandbox.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

// Empty folders: some are mounted on, the others are what programs expect to exist.
constexpr const char* kFolders[] = {"usr",
                                    "proc",
                                    "dev",
                                    "sys",
                                    "tmp",
                                    "run",
                                    "etc",
                                    "etc/ssl",
                                    "home/app",
                                    "root",
                                    "var/tmp",
                                    "var/task",
                                    "var/runtime",
                                    "opt",
                                    "mnt",
                                    "var/openfaas/secrets",
                                    ".hearth",
                                    "srv",
                                    ".hearth/gateway",
                                    "sys/fs/cgroup/memory"};

// What programs read of the host's /etc. No keys, no accounts, no configuration of services.
constexpr const char* kEtc[] = {"ld.so.cache",     "ld.so.conf",
                                "ld.so.conf.d",    "alternatives",
                                "ssl/certs",       "ssl/openssl.cnf",
                                "localtime",       "timezone",
                                "mime.types",      "protocols",
                                "services",        "os-release",
                                "gai.conf",        "python3",
                                "python3.11",      "java-11-openjdk",
                                "java-17-openjdk", "perl",
                                "fonts",           "magic",
                                "debian_version",  "pki",
                                "crypto-policies"};

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

absl::Status Replace(const std::string& path, const std::string& text) {
  if (ReadAll(path) == text && fs::exists(path)) return absl::OkStatus();
  const std::string temporary = path + ".new";
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out << text << std::flush;
    if (!out.good()) return Unavailable(Cat("cannot write ", temporary, ": is the disk full?"));
  }
  if (chmod(temporary.c_str(), 0644) != 0 || rename(temporary.c_str(), path.c_str()) != 0) {
    return Unavailable(Cat("cannot replace ", path));
  }
  return absl::OkStatus();
}

void CopyTree(const fs::path& from, const fs::path& to) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(from, error);
  if (fs::is_symlink(status)) {
    const fs::path target = fs::read_symlink(from, error);
    if (fs::read_symlink(to, error) == target) return;
    fs::remove(to, error);
    fs::create_symlink(target, to, error);
  } else if (fs::is_directory(status)) {
    fs::create_directories(to, error);
    chmod(to.c_str(), 0755);
    for (const auto& entry : fs::directory_iterator(from, error)) {
      CopyTree(entry.path(), to / entry.path().filename());
    }
  } else if (fs::is_regular_file(status)) {
    // What the host keeps from its users stays kept from functions.
    if ((status.permissions() & fs::perms::others_read) == fs::perms::none) return;
    (void)Replace(to.string(), ReadAll(from.string()));
  }
}

std::string Passwd(const BaseRootOptions& options) {
  std::string out = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n";
  for (uint32_t i = 0; i < options.uid_count; ++i) {
    const uint32_t uid = options.first_uid + i;
    out += Cat("app", i == 0 ? std::string() : Cat(i), ":x:", uid, ":", uid, "::/tmp:/bin/sh\n");
  }
  return out;
}

std::string Group(const BaseRootOptions& options) {
  std::string out = "root:x:0:\nnogroup:x:65534:\n";
  for (uint32_t i = 0; i < options.uid_count; ++i) {
    out += Cat("app", i == 0 ? std::string() : Cat(i), ":x:", options.first_uid + i, ":\n");
  }
  return out;
}

}  // namespace

std::string ResolvConf(const std::string& host, const std::string& upstream) {
  std::string out;
  bool server = false;
  for (std::string_view line : Split(host, '\n')) {
    const auto fields = SplitFields(line);
    if (fields.empty()) continue;
    if (fields[0] == "nameserver") {
      if (fields.size() < 2 || fields[1].starts_with("127.") || fields[1] == "::1") continue;
      server = true;
    } else if (fields[0] != "search" && fields[0] != "options" && fields[0] != "domain") {
      continue;
    }
    out.append(line).push_back('\n');
  }
  if (server || upstream.empty()) return out;
  return ResolvConf(upstream, "");
}

absl::Status SetResolvConf(const std::string& root, const std::string& text) {
  return Replace(root + "/etc/resolv.conf", text);
}

absl::Status BuildBaseRoot(const BaseRootOptions& options) {
  const fs::path root = options.folder;
  std::error_code error;
  for (const char* folder : kFolders) {
    fs::create_directories(root / folder, error);
    if (error)
      return Unavailable(Cat("cannot create ", (root / folder).string(), ": ", error.message()));
  }
  for (const auto& entry : fs::recursive_directory_iterator(root, error)) {
    if (entry.is_directory(error) && !entry.is_symlink(error)) chmod(entry.path().c_str(), 0755);
  }
  chmod(root.c_str(), 0755);
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    const fs::path host = fs::path("/") / name;
    if (fs::is_symlink(host, error)) CopyTree(host, root / name);
    if (fs::is_directory(host, error) && !fs::is_symlink(host, error)) {
      return FailedPrecondition(
          Cat("/", name, " is not a link into /usr; install the package usrmerge"));
    }
  }
  if (!fs::exists(fs::symlink_status(root / "run/secrets", error))) {
    fs::create_symlink("/var/openfaas/secrets", root / "run/secrets", error);
  }
  if (!fs::exists(fs::symlink_status(root / "var/run", error))) {
    fs::create_symlink("/run", root / "var/run", error);
  }
  for (const char* name : kEtc) CopyTree(fs::path("/etc") / name, root / "etc" / name);

  const std::string etc = (root / "etc/").string();
  RETURN_IF_ERROR(Replace(etc + "passwd", Passwd(options)));
  RETURN_IF_ERROR(Replace(etc + "group", Group(options)));
  RETURN_IF_ERROR(Replace(etc + "hosts", "127.0.0.1 localhost\n::1 localhost\n"));
  RETURN_IF_ERROR(
      Replace(etc + "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"));
  RETURN_IF_ERROR(Replace(
      etc + "resolv.conf",
      ResolvConf(ReadAll("/etc/resolv.conf"), ReadAll("/run/systemd/resolve/resolv.conf"))));
  RETURN_IF_ERROR(Replace((root / ".hearth/watchdog").string(), ""));
  return absl::OkStatus();
}

}  // namespace hearth::controller
