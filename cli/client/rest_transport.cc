#include "cli/client/rest_transport.h"

#include <cpprest/http_client.h>
#include <cpprest/producerconsumerstream.h>
#include <poll.h>
#include <pplx/threadpool.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

using web::http::client::http_client;
using web::http::client::http_client_config;

constexpr size_t kPiece = 64u << 10;

absl::Status FromException(const std::exception& error, const std::string& url) {
  if (const auto* http = dynamic_cast<const web::http::http_exception*>(&error)) {
    const std::error_code code = http->error_code();
    if (code == std::errc::timed_out) return DeadlineExceeded("the answer did not come in time");
    const std::string_view what = http->what();
    if (what.find("SSL handshake") != std::string_view::npos) {
      return Unavailable(
          Cat("the TLS handshake with ", url,
              " failed: its certificate is not trusted here or is for "
              "another host (--tls-ca names the CA to check it by), or this is no HTTPS port"));
    }
    const std::string detail = code ? code.message() : std::string(what);
    return Unavailable(
        Cat("no answer from ", url, ": ", what.empty() ? std::string_view(detail) : what));
  }
  return Unavailable(Cat("no answer from ", url, ": ", std::string_view(error.what())));
}

struct SplitUrl {
  std::string base;  // "http://host:port"
  std::string target;
};

SplitUrl Split(const std::string& url) {
  const size_t authority = url.find("://");
  const size_t path = url.find('/', authority == std::string::npos ? 0 : authority + 3);
  if (path == std::string::npos) return {url, "/"};
  return {url.substr(0, path), url.substr(path)};
}

HttpResponse HeadOf(const web::http::http_response& from) {
  HttpResponse head;
  head.status = from.status_code();
  for (const auto& [name, value] : from.headers()) head.headers.emplace_back(name, value);
  return head;
}

// The library's body streams are read by its own threads; the source may block, so a thread of ours
// carries it over, and waits while more than a little lies unread.
class BodyPump {
 public:
  explicit BodyPump(const HttpRequest& request) : request_(request) {}
  ~BodyPump() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  concurrency::streams::istream Start() {
    thread_ = std::thread([this] { Run(); });
    return buffer_.create_istream();
  }

 private:
  static constexpr size_t kUnread = 1u << 20;

  void Run() {
    try {
      bool more = request_.body.empty() || Put(request_.body);
      std::string piece(kPiece, '\0');
      while (more) {
        auto n = request_.body_source({piece.data(), piece.size()});
        more = n.ok() && *n > 0 && Put(std::string_view(piece).substr(0, *n));
      }
      buffer_.close(std::ios_base::out).wait();
    } catch (const std::exception&) {
      // The exchange has ended: nobody reads what is left.
    }
  }

  // False: the exchange has ended.
  bool Put(std::string_view bytes) {
    buffer_.putn_nocopy(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()).wait();
    while (buffer_.in_avail() > kUnread && !stopping_) ::poll(nullptr, 0, 2);
    return !stopping_;
  }

  const HttpRequest& request_;
  concurrency::streams::producer_consumer_buffer<uint8_t> buffer_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

class RestTransport final : public Transport {
 public:
  explicit RestTransport(Certificates certificates) : certificates_(std::move(certificates)) {
    static std::once_flag once;
    std::call_once(once, [] { crossplat::threadpool::initialize_with_threads(3); });
  }

  absl::StatusOr<HttpResponse> Send(const HttpRequest& request) override {
    HttpResponse whole;
    StreamSink sink;
    sink.on_data = [&](std::string_view piece) {
      whole.body += piece;
      return true;
    };
    ASSIGN_OR_RETURN(HttpResponse head, Stream(request, sink));
    head.body = std::move(whole.body);
    return head;
  }

  absl::StatusOr<HttpResponse> Stream(const HttpRequest& request, const StreamSink& sink) override {
    try {
      const SplitUrl url = Split(request.url);
      http_client client(url.base, Config(request));
      web::http::http_request out(request.method);
      out.set_request_uri(web::uri(url.target));
      std::string type;
      for (const auto& [name, value] : request.headers) {
        if (EqualsIgnoreAsciiCase(name, "Content-Type")) type = value;
        out.headers().add(name, value);
      }
      BodyPump pump(request);
      if (request.body_source != nullptr) {
        if (request.length) {
          out.set_body(pump.Start(), *request.length, type);
        } else {
          out.set_body(pump.Start(), type);
        }
      } else if (!request.body.empty()) {
        out.set_body(request.body, type);
      }
      web::http::http_response in = client.request(out).get();
      const HttpResponse head = HeadOf(in);
      if (sink.on_head != nullptr) sink.on_head(head);
      if (sink.on_data != nullptr) ReadBody(in, sink);
      return head;
    } catch (const std::exception& error) {
      return FromException(error, request.url);
    }
  }

 private:
  http_client_config Config(const HttpRequest& request) const {
    http_client_config config;
    // "None" is not a value it knows: a year is.
    config.set_timeout(request.timeout > Duration{}
                           ? std::chrono::duration_cast<std::chrono::microseconds>(request.timeout)
                           : std::chrono::hours(24 * 365));
    config.set_max_redirects(0);
    config.set_validate_certificates(!certificates_.accept_any);
    if (!certificates_.ca_file.empty()) {
      config.set_ssl_context_callback([file = certificates_.ca_file](auto& context) {
        boost::system::error_code unreadable;  // then the server's certificate is refused
        context.load_verify_file(file, unreadable);
      });
    }
    return config;
  }

  // What has come is handed on at once: a read of a fixed size would wait for all of it.
  static void ReadBody(web::http::http_response& in, const StreamSink& sink) {
    auto buffer = in.body().streambuf();
    std::string piece(kPiece, '\0');
    while (true) {
      const auto first = buffer.bumpc().get();
      if (first == concurrency::streams::char_traits<uint8_t>::eof()) return;
      piece[0] = static_cast<char>(first);
      const size_t more = std::min(buffer.in_avail(), kPiece - 1);
      size_t n = 1;
      if (more > 0) n += buffer.getn(reinterpret_cast<uint8_t*>(piece.data()) + 1, more).get();
      if (!sink.on_data(std::string_view(piece.data(), n))) return;
    }
  }

  const Certificates certificates_;
};

}  // namespace

std::unique_ptr<Transport> NewRestTransport(Certificates certificates) {
  return std::make_unique<RestTransport>(std::move(certificates));
}

}  // namespace hearth::cli
