#include "controller/bundle/bundle_store.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "controller/bundle/target.h"
#include "controller/bundle/unpack.h"
#include "core/base/absl_compat.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/unique_fd.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "sha256:";
constexpr std::string_view kTemporary = ".tmp-";
constexpr const char* kMetadata = "hearth-bundle.json";

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
  ~Sha256() { EVP_MD_CTX_free(context_); }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void Update(std::string_view bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  // Length first, so that no two lists of parts give the same digest.
  void Part(std::string_view bytes) {
    Update(Cat(bytes.size(), ":"));
    Update(bytes);
  }
  std::string Hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context_, digest, &size);
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (unsigned i = 0; i < size; ++i) {
      out += kDigits[digest[i] >> 4];
      out += kDigits[digest[i] & 15];
    }
    return out;
  }

 private:
  EVP_MD_CTX* context_;
};

std::string FolderName(std::string_view digest) {
  return "sha256-" + std::string(digest.substr(kPrefix.size()));
}

std::map<std::string, std::string> FilesOf(const model::Source& source, const Runtime* runtime) {
  if (source.inline_code.empty()) return source.files;
  return {{runtime != nullptr ? runtime->file : "handler", source.inline_code}};
}

void Touch(const std::string& path) { utimensat(AT_FDCWD, path.c_str(), nullptr, 0); }

absl::Status WriteFile(const std::string& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text << std::flush;
  if (!out.good()) return Unavailable(Cat("cannot write ", path, ": is the disk full?"));
  // A script that says how it is to be run may be run.
  chmod(path.c_str(), text.starts_with("#!") ? 0755 : 0644);
  return absl::OkStatus();
}

class Store final : public BundleStore {
 public:
  Store(std::string folder, RuntimeCatalog* runtimes, BundleLimits limits)
      : folder_(std::move(folder)), runtimes_(runtimes), limits_(limits) {}

  bool Has(std::string_view digest) const override {
    return IsDigest(digest) && fs::is_directory(PathOf(digest));
  }

  absl::StatusOr<std::string> Folder(std::string_view digest) const override {
    if (!IsDigest(digest)) {
      return InvalidArgument(
          Cat("spec.source.bundle: \"", digest, "\" is not \"sha256:\" and 64 hexadecimal digits"));
    }
    const std::string path = PathOf(digest);
    if (!fs::is_directory(path)) {
      return NotFound(Cat("spec.source.bundle: ", digest,
                          " is not here; upload it first (PUT "
                          "/system/bundles/",
                          digest, ", or `hearth deploy`)"));
    }
    Touch(path);
    return path;
  }

  absl::StatusOr<std::string> RuntimeOf(std::string_view digest) const override {
    ASSIGN_OR_RETURN(const std::string folder, Folder(digest));
    ASSIGN_OR_RETURN(const BundleTarget target, ReadTarget(folder));
    return target.runtime;
  }

  absl::StatusOr<std::unique_ptr<BundleUpload>> BeginUpload(std::string_view digest) override;

  absl::StatusOr<std::string> Materialize(const model::Source& source,
                                          const Runtime* runtime) override {
    const std::string path = folder_ + "/" + InlineFolderName(source, runtime);
    if (fs::is_directory(path)) {
      Touch(path);
      return path;
    }
    const std::string temporary = TemporaryPath();
    const absl::Status status = WriteFiles(temporary, FilesOf(source, runtime));
    if (status.ok()) return Publish(temporary, path);
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    return status;
  }

  absl::Status Collect(const std::vector<model::FunctionSpec>& live, Duration min_age,
                       WallTime now) override {
    std::set<std::string> names;
    for (const model::FunctionSpec& spec : live) {
      if (IsDigest(spec.source.bundle)) names.insert(FolderName(spec.source.bundle));
      if (spec.source.inline_code.empty() && spec.source.files.empty()) continue;
      const auto runtime = runtimes_->Find(spec.runtime);
      names.insert(InlineFolderName(spec.source, runtime.ok() ? *runtime : nullptr));
    }
    std::vector<StoredBundle> stored;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
      struct stat info {};
      if (stat(entry.path().c_str(), &info) != 0) continue;
      const auto used = std::chrono::seconds(info.st_mtim.tv_sec);
      stored.push_back({entry.path().filename().string(), WallTime(used)});
    }
    for (const std::string& name : Unreferenced(stored, names, min_age, now)) {
      // Renamed first: a folder that is there is whole.
      const std::string doomed = TemporaryPath();
      fs::rename(folder_ + "/" + name, doomed, error);
      fs::remove_all(doomed, error);
    }
    return absl::OkStatus();
  }

  absl::Status CheckTarget(const std::string& folder) const {
    ASSIGN_OR_RETURN(const BundleTarget target, ReadTarget(folder));
    const Runtime* runtime = nullptr;
    std::string version;
    if (!target.runtime.empty()) {
      const auto found = runtimes_->Find(target.runtime);
      if (!found.ok()) return InvalidArgument(Message(found.status()));
      runtime = *found;
      if (runtime->exact_version) {
        ASSIGN_OR_RETURN(version, runtimes_->Version(*runtime));
      }
    }
    return FitsMachine(target, ThisMachine(), runtime, version);
  }

  std::string TemporaryPath() const { return Cat(folder_, "/", kTemporary, RandomHex(12)); }
  std::string PathOf(std::string_view digest) const { return folder_ + "/" + FolderName(digest); }
  const BundleLimits& limits() const { return limits_; }

  static absl::StatusOr<std::string> Publish(const std::string& temporary,
                                             const std::string& path) {
    std::error_code error;
    if (rename(temporary.c_str(), path.c_str()) == 0) return path;
    const int reason = errno;
    fs::remove_all(temporary, error);
    // Somebody else was quicker with the same content.
    if (fs::is_directory(path)) return path;
    return Unavailable(Cat("cannot create ", path, ": ", strerror(reason)));
  }

 private:
  static absl::StatusOr<BundleTarget> ReadTarget(const std::string& folder) {
    std::ifstream in(folder + "/" + kMetadata);
    if (!in) {
      return InvalidArgument(Cat("the bundle has no ", kMetadata,
                                 "; build it with `hearth build` or `hearth deploy`"));
    }
    std::stringstream text;
    text << in.rdbuf();
    return ParseBundleTarget(text.str());
  }

  static absl::Status WriteFiles(const std::string& folder,
                                 const std::map<std::string, std::string>& files) {
    if (mkdir(folder.c_str(), 0755) != 0) return Unavailable(Cat("cannot create ", folder));
    for (const auto& [name, text] : files) {
      const auto clean = CleanEntryPath(name);
      if (!clean.ok()) return InvalidArgument(Cat("spec.source.files: ", Message(clean.status())));
      const fs::path path = fs::path(folder) / *clean;
      std::error_code error;
      fs::create_directories(path.parent_path(), error);
      if (error) return Unavailable(Cat("cannot create ", path.parent_path().string()));
      RETURN_IF_ERROR(WriteFile(path.string(), text));
    }
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_directory()) chmod(entry.path().c_str(), 0755);
    }
    chmod(folder.c_str(), 0755);
    return absl::OkStatus();
  }

  const std::string folder_;
  RuntimeCatalog* runtimes_;
  const BundleLimits limits_;
};

class Upload final : public BundleUpload {
 public:
  Upload(const Store& store, std::string digest)
      : store_(store), digest_(std::move(digest)), file_(store.TemporaryPath()) {
    out_.Reset(open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  }
  ~Upload() override { unlink(file_.c_str()); }

  absl::Status Write(std::string_view bytes) override {
    received_ += bytes.size();
    if (received_ > store_.limits().max_upload_bytes) {
      return InvalidArgument(
          Cat("the bundle is larger than ", store_.limits().max_upload_bytes >> 20, " MiB"));
    }
    hash_.Update(bytes);
    while (!bytes.empty()) {
      const ssize_t n = write(out_.get(), bytes.data(), bytes.size());
      if (n < 0) return ResourceExhausted(Cat("cannot keep the bundle: ", strerror(errno)));
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return absl::OkStatus();
  }

  absl::Status Commit() override {
    out_.Reset();
    const std::string actual = std::string(kPrefix) + hash_.Hex();
    if (actual != digest_) {
      return InvalidArgument(Cat("the bundle's digest is ", actual, ", not ", digest_,
                                 " as its name says; upload it again"));
    }
    if (store_.Has(digest_)) return absl::OkStatus();
    const std::string folder = store_.TemporaryPath();
    const absl::Status status = Unpack(folder);
    if (status.ok()) return Store::Publish(folder, store_.PathOf(digest_)).status();
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    return status;
  }

 private:
  absl::Status Unpack(const std::string& folder) {
    if (mkdir(folder.c_str(), 0755) != 0 || chmod(folder.c_str(), 0755) != 0) {
      return ResourceExhausted(Cat("cannot create ", folder, ": ", strerror(errno)));
    }
    RETURN_IF_ERROR(UnpackArchive(file_, folder, store_.limits()));
    return store_.CheckTarget(folder);
  }

  const Store& store_;
  const std::string digest_;
  const std::string file_;
  UniqueFd out_;
  Sha256 hash_;
  uint64_t received_ = 0;
};

absl::StatusOr<std::unique_ptr<BundleUpload>> Store::BeginUpload(std::string_view digest) {
  if (!IsDigest(digest)) {
    return InvalidArgument(Cat("\"", digest, "\" is not \"sha256:\" and 64 hexadecimal digits"));
  }
  return std::make_unique<Upload>(*this, std::string(digest));
}

}  // namespace

bool IsDigest(std::string_view text) {
  if (!text.starts_with(kPrefix) || text.size() != kPrefix.size() + 64) return false;
  text.remove_prefix(kPrefix.size());
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string InlineFolderName(const model::Source& source, const Runtime* runtime) {
  Sha256 hash;
  for (const auto& [name, text] : FilesOf(source, runtime)) {
    hash.Part(name);
    hash.Part(text);
  }
  return "inline-" + hash.Hex();
}

std::vector<std::string> Unreferenced(const std::vector<StoredBundle>& stored,
                                      const std::set<std::string>& live, Duration min_age,
                                      WallTime now) {
  std::vector<std::string> out;
  for (const StoredBundle& bundle : stored) {
    const bool ours = bundle.name.starts_with("sha256-") || bundle.name.starts_with("inline-");
    if (ours && live.count(bundle.name) == 0 && now - bundle.last_used >= min_age) {
      out.push_back(bundle.name);
    }
  }
  return out;
}

absl::StatusOr<std::unique_ptr<BundleStore>> BundleStore::Open(std::string folder,
                                                               RuntimeCatalog* runtimes,
                                                               BundleLimits limits) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Unavailable(Cat("cannot create ", folder, ": ", error.message()));
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (!entry.path().filename().string().starts_with(kTemporary)) continue;
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
  }
  return std::make_unique<Store>(std::move(folder), runtimes, limits);
}

}  // namespace hearth::controller
