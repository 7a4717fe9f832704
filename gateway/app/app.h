#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/log/log.h"
#include "core/net/address.h"
#include "core/net/loop.h"
#include "core/tls/certificate_store.h"
#include "gateway/accesslog/writer.h"
#include "gateway/admin/admin_server.h"
#include "gateway/api/front_desk.h"
#include "gateway/app/exchange_log.h"
#include "gateway/app/options.h"
#include "gateway/auth/credential_file.h"
#include "gateway/auth/function_authenticator.h"
#include "gateway/fleet/fleet_client.h"
#include "gateway/fleet/outbox.h"
#include "gateway/handover/server.h"
#include "gateway/handover/take_over.h"
#include "gateway/metrics/collector.h"
#include "gateway/metrics/recorder.h"
#include "gateway/proxy/data_path.h"
#include "gateway/route/route_store.h"
#include "gateway/trace/exporter.h"

namespace hearth::gateway {

// The gateway, put together: the data path on its loops, the client of the controllers, the admin
// server on a thread of its own. It exists to be what main and the tests construct. One thread uses
// it. Destroying it ends everything at once; drain first to let requests finish.
class App {
 public:
  App(Options options, const Clock& clock, const log::Logger& logger);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  // Opens the sockets, starts the threads and begins to dial the controllers. When it returns,
  // clients can connect. An error names the option to change; then only destroy.
  absl::Status Start();

  // Stops accepting and lets requests finish, as long as --drain-timeout. After Leave it shortens
  // the time that is left.
  void BeginDrain();
  // The same where a successor serves already, which leaves more time.
  void Leave();
  bool took_over() const { return took_over_; }
  // Runs on a thread of its own once a successor serves: time for Leave. Set before Start.
  void OnHandedOver(std::function<void()> callback) { on_handed_over_ = std::move(callback); }
  // Looks at certificates and credentials now, instead of within two seconds. From any thread.
  void Reload();
  bool drained() const { return drained_.load(std::memory_order_acquire); }

  net::Address address() const { return address_; }
  net::Address tls_address() const { return tls_address_; }  // no port: there is none
  net::Address admin_address() const { return admin_address_; }
  const std::string& function_url() const { return function_url_; }
  fleet::FleetStatus fleet_status() const { return fleet_->status(); }

 private:
  absl::Status OpenCredentials();
  absl::Status BeginTakeOver();
  absl::Status OpenCertificates();
  absl::Status OpenSockets();
  absl::StatusOr<net::Address> Open(const std::string& role, const net::Address& wanted,
                                    proxy::ListenerKind kind);
  absl::Status ListenTls();
  absl::Status OpenAdmin();
  absl::Status ListenAdmin();
  absl::Status OpenTraces();
  void StartThreads();
  // Waits for routes, serves, and tells the predecessor to go.
  absl::Status FinishTakeOver();
  absl::Status WaitForRoutes();
  absl::Status OfferHandover();
  void StopAccepting();
  void Drain(const proxy::DrainTimes& times);
  void Install(std::shared_ptr<const route::Table> table, std::function<void()> done);
  void Housekeep();  // once a second, on the admin loop
  void RefreshCredentials();
  void ProbeLag();
  void RefreshCertificates(tls::CertificateStore::When when);
  std::shared_ptr<const route::Table> table() const;
  Readiness readiness() const;
  std::vector<Reading> Readings() const;
  void WarnAboutExposure() const;

  const Options options_;
  const Clock& clock_;
  const log::Logger logger_;
  const uint32_t loop_count_;

  net::Address address_;
  net::Address tls_address_;
  net::Address admin_address_;
  std::string function_url_;
  std::function<void()> on_handed_over_;
  bool took_over_ = false;
  std::atomic<bool> draining_{false};
  std::atomic<bool> drained_{false};

  // In the order in which they need each other; destroyed in the reverse one by ~App.
  route::PlatformLimits limits_;
  fleet::Outbox outbox_;
  route::RouteStore store_;
  std::unique_ptr<auth::CredentialFile> credentials_;
  std::unique_ptr<auth::FunctionAuthenticator> authenticator_;
  std::unique_ptr<tls::CertificateStore> certificates_;  // where there is a --tls-listen
  std::unique_ptr<FrontDesk> desk_;
  Recorder recorder_;
  std::unique_ptr<accesslog::Writer> access_log_;
  std::unique_ptr<trace::Exporter> spans_;
  std::unique_ptr<ExchangeLog> exchange_log_;
  std::vector<std::unique_ptr<net::Loop>> loops_;
  std::unique_ptr<proxy::DataPath> data_path_;
  std::unique_ptr<fleet::FleetClient> fleet_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<net::Loop> admin_loop_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<net::Timer> housekeeping_;
  std::vector<std::thread> threads_;
  std::unique_ptr<handover::TakeOver> take_over_;  // until the predecessor has been told to go
  std::vector<handover::PassedSocket> sockets_;    // copies of what this listens on
  std::unique_ptr<handover::Server> handover_;

  mutable std::mutex table_mutex_;             // guards table_
  std::shared_ptr<const route::Table> table_;  // the newest; loops may be a moment behind
  std::condition_variable table_changed_;
};

}  // namespace hearth::gateway
