#include "core/tls/certificate_store.h"

#include <errno.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::tls {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShortestSecret = 32;

bool IsFolder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

absl::StatusOr<std::vector<CertificateFiles>> PairsIn(const std::string& folder) {
  std::vector<CertificateFiles> pairs;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".key") continue;
    fs::path chain = it->path();
    const std::string crt = chain.replace_extension(".crt").string();
    const std::string pem = chain.replace_extension(".pem").string();
    std::error_code ignored;
    if (fs::exists(crt, ignored)) {
      pairs.push_back({crt, it->path().string()});
    } else if (fs::exists(pem, ignored)) {
      pairs.push_back({pem, it->path().string()});
    } else {
      return NotFound(Cat("the folder ", folder, " has ", it->path().filename().string(),
                          " but no certificate beside it; put it into ", crt));
    }
  }
  if (error) return NotFound(Cat("cannot read the folder ", folder, ": ", error.message()));
  if (pairs.empty()) {
    return NotFound(Cat("the folder ", folder,
                        " holds no certificate; put NAME.crt and NAME.key "
                        "into it"));
  }
  // The order of a folder is nobody's choice: by name.
  std::sort(pairs.begin(), pairs.end(),
            [](const auto& a, const auto& b) { return a.chain < b.chain; });
  return pairs;
}

absl::StatusOr<std::string> ReadSecret(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in) return NotFound(Cat("cannot read the ticket secret ", path, ": ", std::strerror(errno)));
  const std::string whole = text.str();
  const std::string_view secret = Trim(whole);
  if (secret.size() < kShortestSecret) {
    return InvalidArgument(Cat("the ticket secret ", path, " has ", secret.size(),
                               " bytes, at least ", kShortestSecret,
                               " are needed; make one: openssl rand -hex 32 > ", path));
  }
  return std::string(secret);
}

void Append(const std::string& path, std::vector<int64_t>* stamp) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return stamp->push_back(-1);
  stamp->insert(stamp->end(),
                {static_cast<int64_t>(info.st_dev), static_cast<int64_t>(info.st_ino),
                 static_cast<int64_t>(info.st_size), static_cast<int64_t>(info.st_mtim.tv_sec),
                 static_cast<int64_t>(info.st_mtim.tv_nsec)});
}

}  // namespace

CertificateStore::CertificateStore(CertificateStoreOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

absl::StatusOr<std::vector<CertificateFiles>> CertificateStore::Files() const {
  std::vector<CertificateFiles> files;
  size_t key = 0;
  for (const std::string& path : options_.certificates) {
    if (IsFolder(path)) {
      ASSIGN_OR_RETURN(std::vector<CertificateFiles> pairs, PairsIn(path));
      files.insert(files.end(), pairs.begin(), pairs.end());
      continue;
    }
    if (key == options_.keys.size()) {
      return InvalidArgument(Cat("the certificate ", path,
                                 " has no key; name as many keys as "
                                 "certificates, in the same order"));
    }
    files.push_back({path, options_.keys[key++]});
  }
  if (key != options_.keys.size()) {
    return InvalidArgument(Cat("the key ", options_.keys[key],
                               " has no certificate; name as many "
                               "certificates as keys, in the same order"));
  }
  return files;
}

CertificateStore::Stamp CertificateStore::StampOf(
    const std::vector<CertificateFiles>& files) const {
  Stamp stamp;
  for (const CertificateFiles& pair : files) {
    Append(pair.chain, &stamp);
    Append(pair.key, &stamp);
  }
  if (!options_.client_ca.empty()) Append(options_.client_ca, &stamp);
  return stamp;
}

absl::Status CertificateStore::Open() {
  std::string secret;
  if (!options_.ticket_secret.empty()) {
    ASSIGN_OR_RETURN(secret, ReadSecret(options_.ticket_secret));
  }
  tickets_ = std::make_shared<TicketKeys>(clock_, std::move(secret));
  ASSIGN_OR_RETURN(const std::vector<CertificateFiles> files, Files());
  seen_ = StampOf(files);
  return Load(files);
}

absl::Status CertificateStore::Load(const std::vector<CertificateFiles>& files) {
  loaded_ = seen_;
  ServerOptions options;
  options.certificates = files;
  options.client_ca = options_.client_ca;
  options.protocols = options_.protocols;
  ASSIGN_OR_RETURN(auto context, ServerContext::Load(options, tickets_, clock_.WallNow()));
  const std::lock_guard lock(mutex_);
  current_ = std::move(context);
  return absl::OkStatus();
}

absl::StatusOr<bool> CertificateStore::Refresh(When when) {
  auto files = Files();
  // A folder or a file that is gone for the moment is a change like any other.
  Stamp stamp = files.ok() ? StampOf(*files) : Stamp{};
  const bool settled = stamp == seen_;
  seen_ = std::move(stamp);
  if (when == When::kSettled && (!settled || seen_ == loaded_)) return false;
  if (!files.ok()) {
    loaded_ = seen_;
    return files.status();
  }
  RETURN_IF_ERROR(Load(*files));
  return true;
}

std::shared_ptr<const ServerContext> CertificateStore::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

}  // namespace hearth::tls
