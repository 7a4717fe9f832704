#include "gateway/fleet/link.h"

#include <grpcpp/grpcpp.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "core/base/random.h"
#include "hearth/v1/fleet.grpc.pb.h"

namespace hearth::fleet {
namespace {

// A snapshot of ten thousand functions with replicas has some tens of megabytes.
constexpr int kMaxMessage = 256 << 20;

// A controller that starts at the same moment as the gateway is there before that many attempts.
constexpr int kFailuresToReport = 8;

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Each attempt has a channel of its own: the waiting between them is Backoff's.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  args.SetMaxReceiveMessageSize(kMaxMessage);
  args.SetMaxSendMessageSize(kMaxMessage);
  return args;
}

std::string FileText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::shared_ptr<grpc::ChannelCredentials> CredentialsOf(const TlsFiles& tls) {
  if (!tls.enabled()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = FileText(tls.ca);
  options.pem_cert_chain = FileText(tls.certificate);
  options.pem_private_key = FileText(tls.key);
  return grpc::SslCredentials(options);
}

}  // namespace

// One stream, and the thread that writes it while the owner lets this link write.
class Link::Session {
 public:
  using Stream = grpc::ClientReaderWriter<v1::GatewayMessage, v1::ControllerMessage>;

  Session(LinkOwner* owner, size_t index, grpc::ClientContext* context, Stream* stream)
      : owner_(owner), index_(index), context_(context), stream_(stream) {}
  // The session has ended in the owner's eyes by now, so that the writer returns.
  ~Session() {
    if (writer_.joinable()) writer_.join();
  }

  // Starts or ends the writer after the owner has decided about a message.
  void Follow() {
    const uint64_t session = owner_->SessionOf(index_);
    if (session == session_) return;
    if (writer_.joinable()) writer_.join();
    session_ = session;
    if (session != 0) writer_ = std::thread([this, session] { Write(session); });
  }

 private:
  void Write(uint64_t session) {
    for (;;) {
      const std::vector<v1::GatewayMessage> messages = owner_->NextToWrite(session);
      if (messages.empty()) return;
      for (const v1::GatewayMessage& message : messages) {
        if (!stream_->Write(message)) {
          context_->TryCancel();  // the reader finds out and reports
          return;
        }
      }
    }
  }

  LinkOwner* const owner_;
  const size_t index_;
  grpc::ClientContext* const context_;
  Stream* const stream_;
  uint64_t session_ = 0;
  std::thread writer_;
};

Link::Link(size_t index, std::string address, TlsFiles tls, LinkOwner* owner,
           const log::Logger& logger)
    : index_(index),
      address_(std::move(address)),
      tls_(std::move(tls)),
      owner_(owner),
      logger_(logger),
      backoff_(address_.starts_with("unix:") ? Backoff::kMaxLocal : Backoff::kMax) {}

Link::~Link() {
  Stop();
  if (reader_.joinable()) reader_.join();
}

void Link::Start() {
  reader_ = std::thread([this] { Run(); });
}

void Link::Stop() {
  std::lock_guard lock(mutex_);
  stopping_ = true;
  if (context_ != nullptr) context_->TryCancel();
  wake_.notify_all();
}

void Link::Restart() {
  std::lock_guard lock(mutex_);
  if (context_ != nullptr) context_->TryCancel();
}

bool Link::WaitBackoff() {
  char bytes[8];
  FillRandom(bytes);
  uint64_t random = 0;
  std::memcpy(&random, bytes, sizeof(random));
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, backoff_.Next(random), [this] { return stopping_; });
  return !stopping_;
}

void Link::Run() {
  do {
    bool spoke = false;
    RunStream(&spoke);
    if (spoke) backoff_.Reset();
  } while (WaitBackoff());
}

void Link::RunStream(bool* spoke) {
  const auto channel = grpc::CreateCustomChannel(address_, CredentialsOf(tls_), Arguments());
  const auto stub = v1::Fleet::NewStub(channel);
  grpc::ClientContext context;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    context_ = &context;
  }
  const std::unique_ptr<Session::Stream> stream = stub->Sync(&context);
  v1::GatewayMessage hello;
  *hello.mutable_hello() = owner_->Hello();
  stream->Write(hello);  // where it fails, so does the first Read
  std::string reason;
  {
    Session session(owner_, index_, &context, stream.get());
    v1::ControllerMessage message;
    while (stream->Read(&message)) {
      *spoke = true;
      if (owner_->OnMessage(index_, message) == LinkOwner::Next::kReconnect) {
        reason = "a new snapshot is needed";
        break;
      }
      session.Follow();
    }
    context.TryCancel();
    owner_->OnLost(index_, reason);
  }
  const grpc::Status status = stream->Finish();
  {
    std::lock_guard lock(mutex_);
    context_ = nullptr;
    if (stopping_) return;
  }
  Report(*spoke, reason.empty() ? status.error_message() : reason);
}

void Link::Report(bool spoke, const std::string& reason) {
  if (spoke) {
    logger_.Warn("controller stream ended", {{"controller", address_}, {"reason", reason}});
    failures_ = 0;
    return;
  }
  const log::Level level =
      ++failures_ == kFailuresToReport ? log::Level::kWarn : log::Level::kDebug;
  logger_.Log(level, "controller not reached; trying on",
              {{"controller", address_}, {"reason", reason}});
}

}  // namespace hearth::fleet
