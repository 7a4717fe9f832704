#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/net/loop.h"

struct nghttp2_session;

namespace hearth::fakes {

// An HTTP/2 client played by a test, on the library alone and none of our code: it keeps what came
// of each answer. Works on any loop, on its thread.
class H2Client final : public net::StreamHandler {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;
  struct Answer {
    std::vector<int> interim;
    int status = 0;
    Fields fields;
    std::string body;
    Fields trailer;
    bool headers_only = false;  // END_STREAM came with the head
    bool ended = false;
    bool closed = false;
    uint32_t error = 0;  // of a closed stream
    std::string Field(std::string_view name) const;
    std::string Trailer(std::string_view name) const;
  };

  // `window`: of each stream, and the connection; read bodies open it again unless held.
  H2Client(net::Loop& loop, std::string_view address, uint32_t window = 65535);
  ~H2Client() override;

  // GET and the like: fields are added to the pseudo-fields of `path`.
  int32_t Request(std::string_view method, std::string_view path, Fields more = {},
                  bool ended = true);
  int32_t RequestFields(Fields all, bool ended);
  void Send(int32_t id, std::string_view data);
  void End(int32_t id, Fields trailer = {});
  void Reset(int32_t id, uint32_t error);
  void Ping();
  void HoldWindow() { hold_ = true; }
  void ReleaseWindow();
  // Bytes that the library would not send.
  void SendRaw(std::string_view bytes);
  void Close();

  const Answer& answer(int32_t id) { return answers_[id]; }
  bool goaway() const { return goaway_; }
  uint32_t goaway_error() const { return goaway_error_; }
  int32_t goaway_last() const { return goaway_last_; }
  bool connection_over() const { return over_; }
  void Flush();

 private:
  friend struct H2ClientCallbacks;
  struct Outgoing {
    std::string data;
    bool ended = false;
    bool deferred = false;
    Fields trailer;
  };
  void OnReadable() override;
  void OnWritable() override { Flush(); }

  std::unique_ptr<net::PendingConnect> connect_;
  std::unique_ptr<net::Stream> stream_;
  nghttp2_session* session_ = nullptr;
  std::string unsent_;
  std::map<int32_t, Answer> answers_;
  std::map<int32_t, Outgoing> outgoing_;
  std::map<int32_t, size_t> held_;
  bool hold_ = false;
  bool goaway_ = false;
  bool over_ = false;
  uint32_t goaway_error_ = 0;
  int32_t goaway_last_ = 0;
};

}  // namespace hearth::fakes
