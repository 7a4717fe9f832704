#include "tests/fakes/h2/h2_client.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>

namespace hearth::fakes {
namespace {

std::string Find(const H2Client::Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (key == name) return value;
  }
  return {};
}

std::vector<nghttp2_nv> ToNv(const H2Client::Fields& fields) {
  std::vector<nghttp2_nv> out;
  for (const auto& [name, value] : fields) {
    out.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                   reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(),
                   value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return out;
}

}  // namespace

struct H2ClientCallbacks {
  static H2Client& Of(void* user) { return *static_cast<H2Client*>(user); }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user) {
    H2Client::Answer& answer = Of(user).answers_[frame->hd.stream_id];
    const std::string key(reinterpret_cast<const char*>(name), name_size);
    const std::string text(reinterpret_cast<const char*>(value), value_size);
    if (key == ":status") {
      const int status = std::stoi(text);
      if (status < 200) {
        answer.interim.push_back(status);
      } else {
        answer.status = status;
      }
    } else if (answer.status != 0 && frame->headers.cat == NGHTTP2_HCAT_HEADERS &&
               answer.headers_only) {
      answer.trailer.emplace_back(key, text);
    } else if (answer.status != 0) {
      answer.fields.emplace_back(key, text);
    }
    return 0;
  }
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    H2Client& client = Of(user);
    const bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      client.goaway_ = true;
      client.goaway_error_ = frame->goaway.error_code;
      client.goaway_last_ = frame->goaway.last_stream_id;
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    H2Client::Answer& answer = client.answers_[frame->hd.stream_id];
    if (ended) answer.ended = true;
    // From here on fields are a trailer's; the name is right once the head was the end.
    if (frame->hd.type == NGHTTP2_HEADERS && answer.status != 0 && !ended) {
      answer.headers_only = true;
    }
    if (ended && frame->hd.type == NGHTTP2_HEADERS && answer.trailer.empty() &&
        answer.body.empty()) {
      answer.headers_only = true;
    } else if (ended) {
      answer.headers_only = false;
    }
    return 0;
  }
  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size,
                    void* user) {
    H2Client& client = Of(user);
    client.answers_[id].body.append(reinterpret_cast<const char*>(data), size);
    if (client.hold_) {
      client.held_[id] += size;
    } else {
      nghttp2_session_consume(session, id, size);
    }
    return 0;
  }
  static int OnClose(nghttp2_session*, int32_t id, uint32_t error, void* user) {
    H2Client::Answer& answer = Of(user).answers_[id];
    answer.closed = true;
    answer.error = error;
    return 0;
  }
  static ssize_t Read(nghttp2_session* session, int32_t id, uint8_t* room, size_t size,
                      uint32_t* flags, nghttp2_data_source*, void* user) {
    H2Client::Outgoing& out = Of(user).outgoing_[id];
    const size_t n = std::min(size, out.data.size());
    if (n == 0 && !out.ended) {
      out.deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    std::memcpy(room, out.data.data(), n);
    out.data.erase(0, n);
    if (out.data.empty() && out.ended) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!out.trailer.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto nv = ToNv(out.trailer);
        nghttp2_submit_trailer(session, id, nv.data(), nv.size());
      }
    }
    return static_cast<ssize_t>(n);
  }
};

std::string H2Client::Answer::Field(std::string_view name) const { return Find(fields, name); }
std::string H2Client::Answer::Trailer(std::string_view name) const { return Find(trailer, name); }

H2Client::H2Client(net::Loop& loop, std::string_view address, uint32_t window) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, H2ClientCallbacks::OnHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, H2ClientCallbacks::OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, H2ClientCallbacks::OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, H2ClientCallbacks::OnClose);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_http_messaging(option, 1);  // a test may send what is not allowed
  nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry setting{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &setting, 1);
  connect_ = loop.Connect(*net::Address::Parse(address), std::chrono::seconds(5), [this](auto s) {
    if (!s.ok()) {
      over_ = true;
      return;
    }
    stream_ = std::move(*s);
    stream_->SetHandler(this);
    Flush();
  });
}

H2Client::~H2Client() {
  if (stream_ != nullptr) stream_->SetHandler(nullptr);
  nghttp2_session_del(session_);
}

int32_t H2Client::Request(std::string_view method, std::string_view path, Fields more, bool ended) {
  Fields all = {{":method", std::string(method)},
                {":scheme", "http"},
                {":authority", "gateway.test"},
                {":path", std::string(path)}};
  all.insert(all.end(), more.begin(), more.end());
  return RequestFields(std::move(all), ended);
}

int32_t H2Client::RequestFields(Fields all, bool ended) {
  nghttp2_data_provider provider{};
  provider.read_callback = H2ClientCallbacks::Read;
  const auto nv = ToNv(all);
  const int32_t id = nghttp2_submit_request(session_, nullptr, nv.data(), nv.size(),
                                            ended ? nullptr : &provider, nullptr);
  Flush();
  return id;
}

void H2Client::Send(int32_t id, std::string_view data) {
  Outgoing& out = outgoing_[id];
  out.data.append(data);
  if (std::exchange(out.deferred, false)) nghttp2_session_resume_data(session_, id);
  Flush();
}

void H2Client::End(int32_t id, Fields trailer) {
  Outgoing& out = outgoing_[id];
  out.ended = true;
  out.trailer = std::move(trailer);
  if (std::exchange(out.deferred, false)) nghttp2_session_resume_data(session_, id);
  Flush();
}

void H2Client::Reset(int32_t id, uint32_t error) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, error);
  Flush();
}

void H2Client::Ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  Flush();
}

void H2Client::ReleaseWindow() {
  hold_ = false;
  for (const auto& [id, bytes] : std::exchange(held_, {})) {
    nghttp2_session_consume(session_, id, bytes);
  }
  Flush();
}

void H2Client::SendRaw(std::string_view bytes) {
  Flush();
  unsent_.append(bytes);
  Flush();
}

void H2Client::Close() {
  if (stream_ != nullptr) stream_->SetHandler(nullptr);
  stream_.reset();
}

void H2Client::Flush() {
  if (stream_ == nullptr) return;
  for (;;) {
    const uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_, &data);
    if (n <= 0) break;
    unsent_.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
  }
  while (!unsent_.empty()) {
    const net::IoResult result = net::WriteAllOf(*stream_, unsent_);
    if (result.status == net::IoStatus::kReset) over_ = true;
    if (result.status != net::IoStatus::kOk || result.bytes == 0) return;
    unsent_.erase(0, result.bytes);
  }
}

void H2Client::OnReadable() {
  char buffer[16 * 1024];
  for (;;) {
    const net::IoResult result = stream_->Read(buffer);
    if (result.status == net::IoStatus::kWouldBlock) break;
    if (result.status != net::IoStatus::kOk) {
      over_ = true;
      break;
    }
    if (nghttp2_session_mem_recv(session_, reinterpret_cast<uint8_t*>(buffer), result.bytes) < 0) {
      over_ = true;
      break;
    }
    if (result.bytes < sizeof buffer) break;
  }
  Flush();
}

}  // namespace hearth::fakes
