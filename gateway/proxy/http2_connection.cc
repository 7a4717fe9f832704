#include "gateway/proxy/http2_connection.h"

#include <utility>

#include "gateway/proxy/grpc.h"
#include "gateway/proxy/worker.h"

namespace hearth::proxy {
namespace {

h2::Options SessionOptions(const Options& options) {
  h2::Options session;
  session.idle_timeout = options.keep_alive_timeout;
  session.head_timeout = options.header_timeout;
  session.write_timeout = options.body_idle_timeout;
  session.linger_timeout = options.linger_timeout;
  session.max_header_list = options.limits.head;
  session.limits = options.limits;
  return session;
}

}  // namespace

Http2Connection::Http2Connection(Worker& worker, std::unique_ptr<net::Stream> stream,
                                 ListenerKind kind)
    : worker_(worker),
      kind_(kind),
      session_(worker.loop(), std::move(stream), SessionOptions(worker.options()), *this) {}

bool Http2Connection::HasRoom() { return worker_.HasRoom(); }

bool Http2Connection::OnRequest(h2::FieldBlock* request) { return PrepareGrpc(request); }

void Http2Connection::OnError(h2::FieldBlock* head, std::string_view body) {
  ToGrpcError(head, body);
}

void Http2Connection::OnStream(std::unique_ptr<net::Stream> stream) {
  worker_.AcceptStream(std::move(stream), kind_);
}

void Http2Connection::OnRefused(int status, std::string_view reason) {
  ExchangeObserver* observer = worker_.dependencies().exchanges;
  if (observer != nullptr) observer->OnRejected(worker_.index(), status, reason);
}

void Http2Connection::OnSessionClosed() { worker_.Retire(this); }

}  // namespace hearth::proxy
