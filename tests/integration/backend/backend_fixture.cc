#include "backend_fixture.h"

#include <catch2/catch.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "core/base/absl_compat.h"
#include "core/base/install.h"
#include "core/base/random.h"
#include "core/base/strings.h"
#include "core/net/http_client.h"

namespace hearth::controller {
namespace {

constexpr const char* kServer = R"(
import http.server, os, socket
CODE
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        n = int(self.headers.get('Content-Length') or 0)
        body = self.rfile.read(n).decode()
        try:
            out = str(answer(self.path, body))
            status = 200
        except Exception as e:
            out = type(e).__name__ + ': ' + str(e)
            status = 500
        data = out.encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    do_POST = do_GET
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), H).serve_forever()
)";

LocalBackendOptions Merge(LocalBackendOptions options, const std::string& folder,
                          const std::string& run_dir) {
  options.data_dir = folder;
  options.run_dir = run_dir;
  if (options.watchdog_path.empty()) {
    const auto path = FindSibling("hearth-watchdog");
    REQUIRE(path.ok());
    options.watchdog_path = *path;
  }
  return options;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FakeSecrets::List(std::string_view) const {
  std::vector<std::string> out;
  for (const auto& [name, value] : values_) out.push_back(name);
  return out;
}
absl::StatusOr<std::string> FakeSecrets::Read(std::string_view, std::string_view name) const {
  const auto it = values_.find(std::string(name));
  if (it == values_.end()) return NotFound(Cat("no secret ", name));
  return it->second;
}
absl::Status FakeSecrets::Create(std::string_view, std::string_view name, std::string_view value) {
  values_[std::string(name)] = value;
  return absl::OkStatus();
}
absl::Status FakeSecrets::Update(std::string_view ns, std::string_view name,
                                 std::string_view value) {
  return Create(ns, name, value);
}
absl::Status FakeSecrets::Remove(std::string_view, std::string_view name) {
  values_.erase(std::string(name));
  return absl::OkStatus();
}
absl::StatusOr<std::map<std::string, std::string>> FakeSecrets::Versions(
    std::string_view, const std::vector<std::string>& names) const {
  std::map<std::string, std::string> out;
  for (const std::string& name : names) out[name] = "1";
  return out;
}

BackendFixture::BackendFixture() {
  char pattern[] = "/tmp/hearth-test-XXXXXX";
  folder_ = mkdtemp(pattern);
  run_dir_ = folder_ + "/run";
  mkdir(run_dir_.c_str(), 0700);
  const auto folder = FindRuntimesDir();
  REQUIRE(folder.ok());
  auto runtimes = RuntimeCatalog::Load(*folder);
  REQUIRE(runtimes.ok());
  runtimes_ = std::move(*runtimes);
  auto bundles = BundleStore::Open(folder_ + "/bundles", runtimes_.get());
  REQUIRE(bundles.ok());
  bundles_ = std::move(*bundles);
  images_ = std::make_unique<ImageStore>(
      ImageStore::Options{folder_ + "/images", geteuid() != 0, std::chrono::minutes(5)});
  logs_ = std::make_unique<LogStore>(folder_ + "/logs", 10 << 20);
}

BackendFixture::~BackendFixture() {
  if (backend_ != nullptr) backend_->StopAll(std::chrono::milliseconds(100));
  backend_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

absl::Status BackendFixture::Start(LocalBackendOptions overrides) {
  LocalBackendDeps deps;
  deps.clock = &clock_;
  deps.secrets = &secrets_;
  deps.bundles = bundles_.get();
  deps.runtimes = runtimes_.get();
  deps.images = images_.get();
  deps.logs = logs_.get();
  backend_ = std::make_unique<LocalBackend>(Merge(std::move(overrides), folder_, run_dir_), deps);
  return backend_->Start([this](ReplicaEvent event) {
    const std::lock_guard lock(mutex_);
    events_[event.replica.id] = std::move(event);
    changed_.notify_all();
  });
}

void BackendFixture::Crash() {
  backend_.reset();
  const std::lock_guard lock(mutex_);
  events_.clear();
}

model::FunctionSpec BackendFixture::PythonServer(const std::string& code) {
  std::string text = kServer;
  text.replace(text.find("CODE"), 4, code);
  model::FunctionSpec spec;
  spec.mode = model::Mode::kHttp;
  spec.concurrency = 0;
  spec.max_body_bytes = 0;
  spec.source.files["server.py"] = text;
  spec.command = {"/usr/bin/python3", "-S", "-E", "/var/task/server.py"};
  return spec;
}

ReplicaId BackendFixture::Create(const model::FunctionSpec& spec, const std::string& name) {
  const RevisionId revision("r-0123456789abcdef");
  const ReplicaId id(Cat(revision.value(), "-", RandomBase36(6)));
  ++created_;
  backend_->Create({id, {"default", name}, revision, spec});
  return id;
}

ReplicaEvent BackendFixture::WaitFor(const ReplicaId& id, model::ReplicaState state, int seconds) {
  std::unique_lock lock(mutex_);
  const bool there = changed_.wait_for(lock, std::chrono::seconds(seconds), [&] {
    const auto it = events_.find(id);
    if (it == events_.end()) return false;
    const auto now = it->second.replica.state;
    const bool starts =
        state == model::ReplicaState::kStarting || state == model::ReplicaState::kReady;
    return now == state || (starts && now >= model::ReplicaState::kFailed);
  });
  REQUIRE(there);
  const auto it = events_.find(id);
  std::string output;
  for (const std::string& line : it->second.last_output) output += "\n  " + line;
  INFO("last event: " << ToString(it->second.replica.state) << " " << it->second.replica.reason
                      << output);
  REQUIRE(it->second.replica.state == state);
  return it->second;
}

std::optional<ReplicaEvent> BackendFixture::Last(const ReplicaId& id) {
  const std::lock_guard lock(mutex_);
  const auto it = events_.find(id);
  if (it == events_.end()) return std::nullopt;
  return it->second;
}

HttpAnswer BackendFixture::Get(const ReplicaId& id, const std::string& path,
                               const std::string& body) {
  net::ClientRequest request;
  request.address.kind = net::Address::Kind::kUnix;
  request.address.host = Cat(run_dir_, "/r/", id.value(), "/data.sock");
  request.target = path;
  if (!body.empty()) request.method = "POST";
  request.body = body;
  request.total_timeout = std::chrono::seconds(30);
  const auto answer = net::Fetch(request);
  if (!answer.ok()) return {0, std::string(Message(answer.status()))};
  return {answer->status, answer->body};
}

ReplicaId BackendFixture::Run(const model::FunctionSpec& spec, const std::string& name) {
  const ReplicaId id = Create(spec, name);
  WaitFor(id, model::ReplicaState::kReady);
  return id;
}

}  // namespace hearth::controller
