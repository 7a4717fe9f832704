#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"

namespace hearth::model {

enum class Mode : uint8_t { kNative, kHttp, kStreaming, kSerializing, kStatic };
enum class EventFormat : uint8_t { kHttp, kRaw };
enum class Protocol : uint8_t { kHttp1, kH2c };
enum class Visibility : uint8_t { kPublic, kPrivate };

// Kubernetes quantities as the user wrote them: they are echoed back verbatim (OpenFaaS contract).
struct Resources {
  std::string memory;                        // "256Mi"
  std::string cpu;                           // "500m"
  std::map<std::string, std::string> other;  // "nvidia.com/gpu": "1"
  bool operator==(const Resources&) const = default;
};

// Where a runtime function's code comes from: exactly one of the three is set.
struct Source {
  std::string inline_code;                   // one file, named by the runtime
  std::map<std::string, std::string> files;  // relative path → content
  std::string bundle;                        // "sha256:<64 hex>", uploaded before
  std::string path;  // a folder; client side only: the CLI turns it into a bundle
  bool empty() const {
    return inline_code.empty() && files.empty() && bundle.empty() && path.empty();
  }
  bool operator==(const Source&) const = default;
};

struct Scaling {
  uint32_t min = 0;
  uint32_t max = 20;
  std::string metric = "concurrency";               // concurrency, rps, cpu, or a custom one later
  std::optional<double> target;                     // per replica; unset: the capacity
  Duration idle_timeout = std::chrono::minutes(5);  // of no request, until zero replicas
  bool operator==(const Scaling&) const = default;
};

struct Health {
  std::string path;  // of the function's own server; empty: a TCP connect is enough
  Duration initial_delay{};
  Duration period = std::chrono::seconds(2);
  Duration timeout = std::chrono::seconds(1);
  uint32_t failure_threshold = 3;
  Duration startup_timeout = std::chrono::seconds(60);  // not ready by then: the replica failed
  bool operator==(const Health&) const = default;
};

struct QueuePolicy {
  uint32_t max_requests = 1000;
  uint64_t max_bytes = 64ull << 20;
  Duration max_wait = std::chrono::seconds(60);
  bool operator==(const QueuePolicy&) const = default;
};

// What a user asks for, whatever door it came in by (hearth.dev/v1 manifests, openfaas.com/v1,
// stack.yml, the OpenFaaS REST API). Plain values without behaviour; Validate (validate.h) says
// whether they make sense, RevisionOf (revision.h) which of them are inside a replica.
struct FunctionSpec {
  // Inside a replica: a change makes a new revision.
  std::string runtime;
  std::string image;
  std::string handler;
  Source source;
  std::vector<std::string> command;
  Mode mode = Mode::kNative;
  EventFormat event = EventFormat::kHttp;
  uint16_t port = 8080;                  // of the function's own server in http mode
  Protocol protocol = Protocol::kHttp1;  // which that server speaks
  std::map<std::string, std::string> environment;
  std::vector<std::string> secrets;
  Resources limits;
  Resources requests;
  uint32_t concurrency = 1;  // 0: unlimited
  Duration timeout = std::chrono::seconds(60);
  Duration stream_idle_timeout = std::chrono::minutes(5);
  Duration max_duration{};               // 0: none
  uint64_t max_body_bytes = 6ull << 20;  // 0: unlimited
  bool read_only_root_filesystem = false;
  std::string static_path;  // static mode: folder below the code
  Health health;
  std::vector<std::string> constraints;  // node selectors "key=value"

  // Of the Function: a change rolls nothing.
  Scaling scaling;
  std::optional<uint32_t> replicas;  // written only by users; overrides the autoscaler
  QueuePolicy queue;
  Visibility visibility = Visibility::kPublic;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;

  bool operator==(const FunctionSpec&) const = default;
};

enum class Door : uint8_t { kHearth, kOpenFaas, kOpenFaasApi, kStack };

struct Function {
  FunctionKey key;
  FunctionSpec spec;
  Door door = Door::kHearth;
  uint64_t generation = 1;  // grows with each change of the spec
  WallTime created{};
};

std::string_view ToString(Mode mode);  // "native", "http", …
std::optional<Mode> ParseMode(std::string_view text);
std::string_view ToString(EventFormat format);     // "http", "raw"
std::string_view ToString(Protocol protocol);      // "http1", "h2c"
std::string_view ToString(Visibility visibility);  // "public", "private"

}  // namespace hearth::model
