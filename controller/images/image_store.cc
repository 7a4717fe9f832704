#include "controller/images/image_store.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <sstream>

#include "controller/images/oci_layout.h"
#include "controller/images/rootfs.h"
#include "controller/process/spawn.h"
#include "core/base/absl_compat.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOci = "oci:";
constexpr std::string_view kArchive = "docker-archive:";
constexpr std::string_view kRegistry = "docker://";
constexpr std::string_view kTemporary = ".tmp-";

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

absl::Status WriteAll(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text << std::flush;
  if (!out.good()) return Unavailable(Cat("cannot write ", path, ": is the disk full?"));
  return absl::OkStatus();
}

absl::Status Run(const std::vector<std::string>& argv, Duration timeout, std::string_view what) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count();
  ASSIGN_OR_RETURN(const CommandResult result, RunCommand(argv, static_cast<int>(ms)));
  if (result.exit_status == 0) return absl::OkStatus();
  return Unavailable(Cat("spec.image: ", what, " failed: ", Trim(result.output)));
}

// "/path:tag" of an OCI layout, where the tag may be left out.
std::pair<std::string, std::string> LayoutOf(std::string_view reference) {
  const std::string_view rest = reference.substr(kOci.size());
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || rest.find('/', colon) != std::string_view::npos) {
    return {std::string(rest), ""};
  }
  return {std::string(rest.substr(0, colon)), std::string(rest.substr(colon + 1))};
}

std::string ArchivePath(std::string_view reference) {
  const std::string_view rest = reference.substr(kArchive.size());
  return std::string(rest.substr(0, rest.find(':')));
}

}  // namespace

class ImageStore::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)) {
    std::error_code ignored;
    fs::create_directories(options_.folder + "/refs", ignored);
    for (const auto& entry : fs::directory_iterator(options_.folder, ignored)) {
      if (entry.path().filename().string().starts_with(kTemporary)) {
        std::error_code error;
        fs::remove_all(entry.path(), error);
      }
    }
  }

  // Changes whenever what `reference` names may have changed; an error where it cannot be read.
  absl::StatusOr<std::string> SourceKey(const std::string& reference) const {
    if (reference.starts_with(kOci)) {
      const auto [folder, tag] = LayoutOf(reference);
      ASSIGN_OR_RETURN(const std::string digest,
                       ManifestDigest(ReadAll(folder + "/index.json"), tag, folder));
      return Cat(reference, "@", digest);
    }
    if (reference.starts_with(kArchive)) {
      const std::string path = ArchivePath(reference);
      struct stat info {};
      if (stat(path.c_str(), &info) != 0) {
        return NotFound(Cat("spec.image: there is no file ", path));
      }
      return Cat(reference, "@", info.st_size, "-", info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec);
    }
    return reference;
  }

  absl::StatusOr<UnpackedImage> Known(const std::string& reference) const {
    ASSIGN_OR_RETURN(const std::string key, SourceKey(reference));
    const std::string digest = ReadAll(RefPath(key));
    if (digest.empty()) return NotFound(Cat("the image ", reference, " is not unpacked here"));
    return Read(digest);
  }

  absl::StatusOr<UnpackedImage> Unpack(const std::string& reference) {
    // One at a time for each reference, so that ten replicas do not pull it ten times.
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return busy_.count(reference) == 0; });
      busy_.insert(reference);
    }
    auto result = Known(reference);
    if (!result.ok()) result = Pull(reference);
    {
      const std::lock_guard lock(mutex_);
      busy_.erase(reference);
    }
    changed_.notify_all();
    return result;
  }

  absl::Status Collect(const std::set<std::string>& live) {
    std::set<std::string> digests;
    for (const std::string& reference : live) {
      const auto normal = NormalizeImageReference(reference);
      if (!normal.ok()) continue;
      const auto known = Known(*normal);
      if (known.ok()) digests.insert(FolderName(known->digest));
    }
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(options_.folder, error)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with("sha256-") || digests.count(name) > 0) continue;
      fs::remove_all(entry.path(), error);
    }
    return absl::OkStatus();
  }

 private:
  static std::string FolderName(std::string_view digest) {
    std::string name(digest);
    std::replace(name.begin(), name.end(), ':', '-');
    return name;
  }
  std::string RefPath(const std::string& key) const {
    return Cat(options_.folder, "/refs/", Sha256Hex(key));
  }
  std::string Temporary() const { return Cat(options_.folder, "/", kTemporary, RandomHex(8)); }

  absl::StatusOr<UnpackedImage> Read(const std::string& digest) const {
    const std::string folder = Cat(options_.folder, "/", FolderName(digest));
    UnpackedImage image;
    image.digest = digest;
    image.rootfs = folder + "/rootfs";
    const std::string config = ReadAll(folder + "/image.json");
    if (config.empty()) return NotFound(Cat("the image ", digest, " is not unpacked here"));
    ASSIGN_OR_RETURN(image.config, ParseImageConfig(config));
    RETURN_IF_ERROR(LookUpUser(image.rootfs, image.config.user, &image.uid, &image.gid));
    return image;
  }

  absl::StatusOr<UnpackedImage> Pull(const std::string& reference) {
    ASSIGN_OR_RETURN(const std::string key, SourceKey(reference));
    const std::string temporary = Temporary();
    if (mkdir(temporary.c_str(), 0700) != 0) return Unavailable(Cat("cannot create ", temporary));
    auto digest = PullInto(reference, temporary);
    std::error_code ignored;
    if (digest.ok()) {
      const absl::Status noted = WriteAll(RefPath(key), *digest);
      if (!noted.ok()) digest = noted;
    }
    fs::remove_all(temporary, ignored);
    if (!digest.ok()) return digest.status();
    return Read(*digest);
  }

  absl::StatusOr<std::string> PullInto(const std::string& reference, const std::string& folder) {
    const std::string layout = folder + "/oci";
    std::vector<std::string> copy = {
        "/usr/bin/skopeo", "--insecure-policy", "copy",
        "--quiet",         reference,           Cat("oci:", layout, ":image")};
    RETURN_IF_ERROR(Run(copy, options_.pull_timeout, "reading the image"));
    ASSIGN_OR_RETURN(const std::string digest,
                     ManifestDigest(ReadAll(layout + "/index.json"), "image", layout));
    const std::string final_folder = Cat(options_.folder, "/", FolderName(digest));
    if (fs::exists(final_folder)) return digest;
    ASSIGN_OR_RETURN(const std::string config_digest,
                     ConfigDigest(ReadAll(BlobPath(layout, digest))));
    const std::string config = ReadAll(BlobPath(layout, config_digest));
    RETURN_IF_ERROR(CheckPlatform(config));
    RETURN_IF_ERROR(ParseImageConfig(config).status());

    const std::string bundle = folder + "/bundle";
    std::vector<std::string> unpack = {"/usr/bin/umoci", "unpack"};
    if (options_.rootless) unpack.push_back("--rootless");
    unpack.insert(unpack.end(), {"--image", layout + ":image", bundle});
    RETURN_IF_ERROR(Run(unpack, options_.pull_timeout, "unpacking the image"));
    RETURN_IF_ERROR(PrepareMountPoints(bundle + "/rootfs"));
    RETURN_IF_ERROR(WriteAll(bundle + "/image.json", config));
    chmod(bundle.c_str(), 0755);
    if (rename(bundle.c_str(), final_folder.c_str()) != 0 && !fs::exists(final_folder)) {
      return Unavailable(Cat("cannot create ", final_folder));
    }
    return digest;
  }

  const Options options_;
  std::mutex mutex_;  // guards busy_
  std::condition_variable changed_;
  std::set<std::string> busy_;
};

ImageStore::ImageStore(Options options) : impl_(std::make_shared<Impl>(std::move(options))) {}

absl::Status ImageStore::Check(const std::string& reference) const {
  ASSIGN_OR_RETURN(const std::string normal, NormalizeImageReference(reference));
  for (const char* tool : {"/usr/bin/skopeo", "/usr/bin/umoci"}) {
    if (access(tool, X_OK) != 0) {
      return FailedPrecondition(
          Cat("spec.image: ", tool, " is missing: apt-get install skopeo umoci"));
    }
  }
  return impl_->SourceKey(normal).status();
}

absl::StatusOr<UnpackedImage> ImageStore::Unpack(const std::string& reference) {
  ASSIGN_OR_RETURN(const std::string normal, NormalizeImageReference(reference));
  return impl_->Unpack(normal);
}

absl::StatusOr<UnpackedImage> ImageStore::Known(const std::string& reference) const {
  ASSIGN_OR_RETURN(const std::string normal, NormalizeImageReference(reference));
  return impl_->Known(normal);
}

absl::Status ImageStore::Collect(const std::set<std::string>& live_references) {
  return impl_->Collect(live_references);
}

absl::StatusOr<std::string> NormalizeImageReference(std::string_view reference) {
  if (reference.starts_with(kOci) || reference.starts_with(kArchive)) {
    const size_t colon = reference.find(':');
    if (reference.substr(colon + 1, 1) != "/") {
      return InvalidArgument(Cat("spec.image: \"", reference, "\" needs an absolute path after \"",
                                 reference.substr(0, colon + 1), "\""));
    }
    return std::string(reference);
  }
  if (reference.starts_with(kRegistry)) return std::string(reference);
  const bool plain = !reference.empty() && reference.front() != '/' && reference.front() != '-' &&
                     reference.find("://") == std::string_view::npos &&
                     reference.find_first_of(" \t\n") == std::string_view::npos;
  if (!plain) {
    return InvalidArgument(Cat("spec.image: \"", reference,
                               "\" is not an image; write registry/name:tag, docker://…, "
                               "oci:/path[:tag] or docker-archive:/path.tar"));
  }
  return std::string(kRegistry) + std::string(reference);
}

}  // namespace hearth::controller
