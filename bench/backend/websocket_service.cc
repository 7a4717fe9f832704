#include "bench/backend/websocket_service.h"

#include <openssl/sha.h>

#include <array>
#include <string>

#include "core/base/base64.h"
#include "core/base/status_macros.h"
#include "core/http/parser.h"
#include "core/http/writer.h"

namespace hearth::backend {
namespace {

constexpr size_t kMaxMessage = 1 << 20;

std::string AcceptFor(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return Base64Encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

uint64_t BigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

class WebSocketService::Connection final : public net::StreamHandler {
 public:
  Connection(net::Loop& loop, std::unique_ptr<net::Stream> stream, std::function<void()> on_end)
      : loop_(loop), stream_(std::move(stream)), on_end_(std::move(on_end)) {
    stream_->SetHandler(this);
  }

 private:
  void OnReadable() override {
    std::array<char, 64 * 1024> bytes;
    for (;;) {
      const net::IoResult result = stream_->Read(bytes);
      if (result.status == net::IoStatus::kWouldBlock) break;
      if (result.status != net::IoStatus::kOk) return End();
      in_.append(bytes.data(), result.bytes);
      if (result.bytes < bytes.size()) break;
    }
    if (!open_ && !Handshake()) return;
    for (;;) {
      const size_t taken = EchoFrame();
      if (taken == 0) break;
      in_.erase(0, taken);
    }
    OnWritable();
  }

  void OnWritable() override {
    const net::IoResult result = net::WriteAllOf(*stream_, out_);
    if (result.status == net::IoStatus::kReset) return End();
    out_.erase(0, result.bytes);
    if (closing_ && out_.empty()) End();
  }

  bool Handshake() {
    http::RequestHead head;
    const http::ParseState state = parser_.ParseRequest(in_, &head);
    if (state == http::ParseState::kNeedMore) return false;
    const auto key =
        state == http::ParseState::kDone ? head.headers.Find("Sec-WebSocket-Key") : std::nullopt;
    http::HeadWriter<std::string> writer(&out_);
    if (!key) {
      writer.StatusLine(400)
          .Field("Content-Length", uint64_t{0})
          .Field("Connection", "close")
          .End();
      closing_ = true;
      OnWritable();
      return false;
    }
    writer.StatusLine(101).Field("Connection", "Upgrade").Field("Upgrade", "websocket");
    writer.Field("Sec-WebSocket-Accept", AcceptFor(*key)).End();
    in_.erase(0, head.size);
    open_ = true;
    return true;
  }

  // Sends the first frame of in_ back, not masked. Returns its size, or 0 where it is not whole.
  size_t EchoFrame() {
    if (in_.size() < 2 || closing_) return 0;
    const std::string_view in = in_;
    const unsigned length = static_cast<unsigned char>(in[1]) & 0x7f;
    const size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
    const size_t header = 2 + more + 4;
    if (in.size() < header) return 0;
    const uint64_t size = more == 0 ? length : BigEndian(in.substr(2, more));
    if (size > kMaxMessage) {
      End();
      return 0;
    }
    if (in.size() - header < size) return 0;
    out_.append(in.substr(0, 1)).push_back(static_cast<char>(length));
    out_.append(in.substr(2, more));
    const std::string_view mask = in.substr(2 + more, 4);
    for (size_t i = 0; i < size; ++i)
      out_.push_back(static_cast<char>(in[header + i] ^ mask[i % 4]));
    closing_ = (in[0] & 0x0f) == 8;
    return header + size;
  }

  // Closed and destroyed at the end of the turn.
  void End() {
    stream_->SetHandler(nullptr);
    closing_ = true;
    if (on_end_ != nullptr) loop_.Defer(std::exchange(on_end_, nullptr));
  }

  net::Loop& loop_;
  std::unique_ptr<net::Stream> stream_;
  std::function<void()> on_end_;
  http::HeadParser parser_;
  std::string in_;
  std::string out_;
  bool open_ = false;
  bool closing_ = false;
};

WebSocketService::WebSocketService(net::Loop& loop) : loop_(loop) {}
WebSocketService::~WebSocketService() = default;

absl::Status WebSocketService::Listen(const net::Address& address) {
  ASSIGN_OR_RETURN(listener_,
                   loop_.Listen(address, {}, [this](std::unique_ptr<net::Stream> stream) {
                     auto key = std::make_shared<Connection*>(nullptr);
                     auto made = std::make_unique<Connection>(
                         loop_, std::move(stream), [this, key] { connections_.erase(*key); });
                     *key = made.get();
                     connections_.emplace(*key, std::move(made));
                   }));
  return absl::OkStatus();
}

}  // namespace hearth::backend
