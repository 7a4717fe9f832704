#include "controller/images/oci_layout.h"

#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <sys/utsname.h>

#include "controller/images/image_store.h"
#include "core/base/absl_compat.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

constexpr const char* kTagName = "org.opencontainers.image.ref.name";

std::string ArchitectureHere() {
  utsname name{};
  uname(&name);
  const std::string machine = name.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return machine;
}

absl::Status NotAnImage(std::string_view why) {
  return InvalidArgument(Cat("spec.image: cannot read the image: ", why));
}

void SplitEnvironment(const std::string& variable, std::map<std::string, std::string>* out) {
  const size_t equal = variable.find('=');
  if (equal != std::string::npos) (*out)[variable.substr(0, equal)] = variable.substr(equal + 1);
}

}  // namespace

std::string Sha256Hex(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += kDigits[digest[i] >> 4];
    out += kDigits[digest[i] & 15];
  }
  return out;
}

std::string BlobPath(const std::string& layout, std::string_view digest) {
  const size_t colon = digest.find(':');
  return Cat(layout, "/blobs/", digest.substr(0, colon), "/", digest.substr(colon + 1));
}

absl::StatusOr<std::string> ManifestDigest(std::string_view index_json, std::string_view tag,
                                           std::string_view where) {
  if (index_json.empty()) {
    return NotFound(Cat("spec.image: ", where, " is not an OCI layout (it has no index.json)"));
  }
  const auto json = nlohmann::json::parse(index_json, nullptr, false);
  const auto manifests = json.is_object() ? json.find("manifests") : json.end();
  if (!json.is_object() || manifests == json.end() || !manifests->is_array()) {
    return NotAnImage("index.json has no manifests");
  }
  std::vector<std::string> tags;
  for (const auto& manifest : *manifests) {
    if (!manifest.is_object()) continue;
    std::string name;
    if (const auto it = manifest.find("annotations"); it != manifest.end() && it->is_object()) {
      name = it->value(kTagName, "");
    }
    const std::string digest = manifest.value("digest", "");
    if (!digest.starts_with("sha256:") || digest.find('/') != std::string::npos) continue;
    if (name == tag || (tag.empty() && manifests->size() == 1)) return digest;
    tags.push_back(name);
  }
  return NotFound(
      Cat("spec.image: ", where, " has no image \"", tag, "\"; it has: ", Join(tags, ", ")));
}

absl::StatusOr<std::string> ConfigDigest(std::string_view manifest_json) {
  const auto json = nlohmann::json::parse(manifest_json, nullptr, false);
  if (!json.is_object() || !json.contains("config") || !json["config"].is_object()) {
    return NotAnImage("the manifest has no config");
  }
  return json["config"].value("digest", "");
}

absl::Status CheckPlatform(std::string_view config_json) {
  const auto json = nlohmann::json::parse(config_json, nullptr, false);
  if (!json.is_object()) return NotAnImage("its config is not JSON");
  const std::string architecture = json.value("architecture", "");
  const std::string os = json.value("os", "linux");
  if (os == "linux" && (architecture.empty() || architecture == ArchitectureHere())) {
    return absl::OkStatus();
  }
  return InvalidArgument(Cat("spec.image: the image is for ", os, "/", architecture,
                             ", this machine is linux/", ArchitectureHere()));
}

absl::StatusOr<ImageConfig> ParseImageConfig(std::string_view text) {
  try {
    const nlohmann::json root = nlohmann::json::parse(text);
    ImageConfig out;
    out.working_dir = "/";
    const auto config = root.find("config");
    if (config == root.end() || !config->is_object()) return out;
    const auto words = [&](const char* name) {
      const auto it = config->find(name);
      return it != config->end() && it->is_array() ? it->get<std::vector<std::string>>()
                                                   : std::vector<std::string>();
    };
    out.entrypoint = words("Entrypoint");
    out.command = words("Cmd");
    for (const std::string& variable : words("Env")) SplitEnvironment(variable, &out.environment);
    out.user = config->value("User", "");
    const std::string folder = config->value("WorkingDir", "");
    if (!folder.empty()) out.working_dir = folder;
    if (const auto ports = config->find("ExposedPorts");
        ports != config->end() && ports->is_object()) {
      for (const auto& [name, unused] : ports->items()) {
        const auto port = ParseUint(std::string_view(name).substr(0, name.find('/')));
        if (port && *port <= 65535) out.ports.push_back(static_cast<uint16_t>(*port));
      }
    }
    return out;
  } catch (const nlohmann::json::exception& e) {
    return NotAnImage(e.what());
  }
}

}  // namespace hearth::controller
