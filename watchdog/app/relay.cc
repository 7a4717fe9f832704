#include "watchdog/app/relay.h"

#include "core/base/status_macros.h"
#include "watchdog/wire/pipe.h"

namespace hearth::watchdog {
namespace {

constexpr size_t kMaxLinks = 512;
constexpr Duration kConnectTimeout = std::chrono::seconds(5);

}  // namespace

class GatewayRelay::Link {
 public:
  Link(GatewayRelay& relay, std::unique_ptr<net::Stream> client)
      : relay_(relay), client_side_{*this}, gateway_side_{*this}, client_(std::move(client)) {}
  ~Link() {
    client_->SetHandler(nullptr);
    if (gateway_ != nullptr) gateway_->SetHandler(nullptr);
  }

  void Connect() {
    connect_ = relay_.loop_.Connect(relay_.gateway_, kConnectTimeout, [this](auto stream) {
      if (!stream.ok()) {
        Break();
        return;
      }
      gateway_ = std::move(*stream);
      gateway_->SetHandler(&gateway_side_);
      client_->SetHandler(&client_side_);
      Pump();
    });
  }

 private:
  struct Side final : net::StreamHandler {
    explicit Side(Link& owner) : link(owner) {}
    void OnReadable() override { link.Pump(); }
    void OnWritable() override { link.Pump(); }
    Link& link;
  };

  void Pump() {
    if (over_) return;
    const Pipe::Result up = up_.Pump(*client_, *gateway_);
    const Pipe::Result down = up == Pipe::Result::kBroken ? up : down_.Pump(*gateway_, *client_);
    if (down == Pipe::Result::kBroken) {
      Break();
    } else if (up == Pipe::Result::kEnded && down == Pipe::Result::kEnded) {
      over_ = true;
      relay_.Drop(this);
    }
  }

  void Break() {
    over_ = true;
    client_->Abort();
    if (gateway_ != nullptr) gateway_->Abort();
    relay_.Drop(this);
  }

  GatewayRelay& relay_;
  Side client_side_, gateway_side_;
  std::unique_ptr<net::Stream> client_, gateway_;
  std::unique_ptr<net::PendingConnect> connect_;
  Pipe up_, down_;
  bool over_ = false;
};

GatewayRelay::GatewayRelay(net::Loop& loop, net::Address gateway)
    : loop_(loop), gateway_(std::move(gateway)) {}
GatewayRelay::~GatewayRelay() = default;

absl::Status GatewayRelay::Listen(const net::Address& address) {
  ASSIGN_OR_RETURN(listener_, loop_.Listen(address, {}, [this](auto stream) {
    auto link = std::make_unique<Link>(*this, std::move(stream));
    Link* key = link.get();
    links_.emplace(key, std::move(link));
    if (links_.size() == kMaxLinks) listener_->Pause();
    key->Connect();
  }));
  return absl::OkStatus();
}

void GatewayRelay::Drop(Link* link) {
  const auto it = links_.find(link);
  if (it == links_.end()) return;
  dead_.push_back(std::move(it->second));
  links_.erase(it);
  if (links_.size() == kMaxLinks - 1) listener_->Resume();
  if (dead_.size() > 1) return;
  loop_.Defer([this] {
    std::vector<std::unique_ptr<Link>> dead;
    dead.swap(dead_);
  });
}

}  // namespace hearth::watchdog
