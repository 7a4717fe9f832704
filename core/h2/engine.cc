#include "core/h2/engine.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <utility>

namespace hearth::h2 {
namespace {

constexpr int kRoundsATurn = 16;           // reads before other connections get their turn
constexpr int kSendsATurn = 8;             // and gathered writes
constexpr size_t kGathered = 32 * 1024;    // bytes that are written together
constexpr size_t kMostQueuedFrames = 512;  // while the peer does not read: stop reading from it
constexpr size_t kMostLingered = 1024 * 1024;
constexpr size_t kMostFields = 192;
constexpr size_t kMostBlockWeights = 4;  // header lists past so many limits end the connection

nghttp2_nv ToNv(const FieldBlock::Field& field) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data())), field.name.size(),
          field.value.size(), NGHTTP2_NV_FLAG_NONE};
}

struct FieldArray {
  explicit FieldArray(const FieldBlock& block) {
    for (size_t i = 0; i < block.size() && size < kMostFields; ++i) fields[size++] = ToNv(block[i]);
  }
  std::array<nghttp2_nv, kMostFields> fields;
  size_t size = 0;
};

std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

// What the library calls; `user` is the Engine.
struct Callbacks {
  static Engine& Of(void* user) { return *static_cast<Engine*>(user); }
  static Lane* LaneOf(nghttp2_session* session, int32_t id) {
    return static_cast<Lane*>(nghttp2_session_get_stream_user_data(session, id));
  }

  // Every frame that arrives, known or not: what is of no use costs.
  static int OnBeginFrame(nghttp2_session*, const nghttp2_frame_hd* hd, void* user) {
    Engine& engine = Of(user);
    const bool end_stream = (hd->flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (hd->type == NGHTTP2_HEADERS ||
        (hd->type == NGHTTP2_DATA && (hd->length > 0 || end_stream))) {
      engine.flood_.Credit(2);
      return 0;
    }
    if (engine.role_ == Lane::Role::kClient) return 0;
    const bool reset = hd->type == NGHTTP2_RST_STREAM;
    if ((reset ? engine.resets_ : engine.flood_).Spend(engine.loop_.Now())) return 0;
    engine.OnFlood(reset ? "h2_reset_flood" : "h2_flood");
    nghttp2_session_terminate_session(engine.session_, NGHTTP2_ENHANCE_YOUR_CALM);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Engine& engine = Of(user);
    engine.AwaitBlock();
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Lane* lane = engine.OnStreamBegun(frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, lane);
    if (lane == nullptr) {
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                NGHTTP2_REFUSED_STREAM);
    }
    return 0;
  }

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user) {
    Lane* lane = LaneOf(session, frame->hd.stream_id);
    Engine& engine = Of(user);
    engine.block_weight_ += name_size + value_size + 32;
    if (engine.block_weight_ > kMostBlockWeights * engine.options_.max_header_list) {
      engine.OnFlood("h2_header_flood");
      nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (lane != nullptr) lane->TakeField(View(name, name_size), View(value, value_size));
    return 0;
  }

  // A field that may not be: its message is malformed.
  static int OnInvalidHeader(nghttp2_session*, const nghttp2_frame*, const uint8_t*, size_t,
                             const uint8_t*, size_t, uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Engine& engine = Of(user);
    const bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_SETTINGS:
        engine.deadline_for_block_.Cancel();  // the preface is whole
        return 0;
      case NGHTTP2_GOAWAY:
        engine.OnPeerLeaves();
        return 0;
      case NGHTTP2_HEADERS: {
        engine.block_weight_ = 0;
        engine.deadline_for_block_.Cancel();
        Lane* lane = LaneOf(session, frame->hd.stream_id);
        if (lane == nullptr) return 0;
        if (!lane->head_taken()) {
          engine.OnHeadComplete(*lane, ended);
        } else if (lane->TakeTrailer() != Refusal::kNone) {
          engine.Reset(frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
          return 0;
        }
        if (ended && lane->head_taken()) lane->TakeEnd();
        return 0;
      }
      case NGHTTP2_DATA:
        if (Lane* lane = LaneOf(session, frame->hd.stream_id); lane != nullptr && ended) {
          lane->TakeEnd();
        }
        return 0;
      default:
        return 0;
    }
  }

  static int OnDataChunk(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data,
                         size_t size, void*) {
    Lane* lane = LaneOf(session, id);
    if (lane == nullptr) {
      nghttp2_session_consume(session, id, size);
    } else {
      lane->TakeData(View(data, size));
    }
    return 0;
  }

  static int OnFrameSent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
      return 0;
    }
    Of(user).resets_.Credit(1);
    if (Lane* lane = LaneOf(session, frame->hd.stream_id); lane != nullptr) {
      Of(user).OnEndSent(*lane);
    }
    return 0;
  }

  static int OnStreamClose(nghttp2_session* session, int32_t id, uint32_t error, void* user) {
    Lane* lane = LaneOf(session, id);
    if (lane == nullptr) return 0;
    nghttp2_session_set_stream_user_data(session, id, nullptr);
    lane->Closed(error == NGHTTP2_NO_ERROR);
    Of(user).OnStreamGone(*lane);
    return 0;
  }

  static ssize_t ReadPayload(nghttp2_session*, int32_t id, uint8_t* room, size_t size,
                             uint32_t* flags, nghttp2_data_source* source, void* user) {
    auto* lane = static_cast<Lane*>(source->ptr);
    Engine& engine = Of(user);
    const Lane::Supply supply = lane->Take({reinterpret_cast<char*>(room), size});
    if (supply.wait) return NGHTTP2_ERR_DEFERRED;
    engine.flood_.Credit(4);
    if (supply.last) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (supply.trailer) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        engine.SubmitTrailer(id, lane->trailer());
      }
    }
    return static_cast<ssize_t>(supply.bytes);
  }

  static nghttp2_session* NewSession(Engine* engine, Lane::Role role) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, OnBeginFrame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, OnInvalidHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnDataChunk);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, OnFrameSent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    // Ours weighs resets against requests that were answered; the library's would be in its way.
    nghttp2_option_set_stream_reset_rate_limit(option, 1'000'000'000, 1'000'000'000);
    nghttp2_session* session = nullptr;
    if (role == Lane::Role::kServer) {
      nghttp2_session_server_new2(&session, callbacks, engine, option);
    } else {
      nghttp2_session_client_new2(&session, callbacks, engine, option);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return session;
  }
};

Engine::Engine(net::Loop& loop, std::unique_ptr<net::Stream> stream, const Options& options,
               Lane::Role role)
    : loop_(loop),
      options_(options),
      role_(role),
      stream_(std::move(stream)),
      session_(Callbacks::NewSession(this, role)),
      out_(&loop.buffers()),
      self_(std::make_shared<Engine*>(this)),
      go_on_([this] { OnReadable(); }),
      deadline_for_block_([this] { OnBlockTimeout(); }),
      deadline_for_write_([this] { Close(); }) {}

Engine::~Engine() {
  *self_ = nullptr;
  stream_->SetHandler(nullptr);
  nghttp2_session_del(session_);
}

void Engine::Begin(std::string_view early) {
  std::array<nghttp2_settings_entry, 4> settings{{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(options_.max_header_list)},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options_.max_streams},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  }};
  // A server may not say anything about push.
  const size_t count = role_ == Lane::Role::kServer ? 3 : 4;
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), count);
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options_.connection_window));
  if (role_ == Lane::Role::kServer) AwaitBlock();
  stream_->SetHandler(this);
  Touch();
  if (!early.empty()) Feed(early);
  // What came meanwhile caused no new edge.
  loop_.Arm(go_on_, loop_.Now());
}

// ---- What lanes ask for ----

int32_t Engine::Submit(Lane& lane, const FieldBlock& head, bool with_body) {
  const FieldArray array(head);
  nghttp2_data_provider provider{};
  provider.source.ptr = &lane;
  provider.read_callback = Callbacks::ReadPayload;
  const nghttp2_data_provider* body = with_body ? &provider : nullptr;
  Touch();
  if (role_ == Lane::Role::kClient) {
    return nghttp2_submit_request(session_, nullptr, array.fields.data(), array.size, body, &lane);
  }
  nghttp2_submit_response(session_, lane.id(), array.fields.data(), array.size, body);
  return lane.id();
}

void Engine::SubmitInterim(Lane& lane, const FieldBlock& head) {
  const FieldArray array(head);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, lane.id(), nullptr, array.fields.data(),
                         array.size, nullptr);
  Touch();
}

void Engine::SubmitTrailer(int32_t id, const FieldBlock& trailer) {
  const FieldArray array(trailer);
  nghttp2_submit_trailer(session_, id, array.fields.data(), array.size);
}

void Engine::Reset(int32_t id, uint32_t error) {
  if (id <= 0 || state_ == State::kClosed) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, error);
  Touch();
}

void Engine::Consumed(int32_t id, size_t bytes) {
  if (state_ == State::kClosed) return;
  nghttp2_session_consume(session_, id, bytes);
  Touch();
}

void Engine::ResumeData(int32_t id) {
  nghttp2_session_resume_data(session_, id);
  Touch();
}

void Engine::Queue(Lane& lane) {
  if (!lane.queued) {
    lane.queued = true;
    queue_.push_back(lane.id());
  }
  Touch();
}

void Engine::Touch() {
  if (working_ || turn_queued_) return;
  turn_queued_ = true;
  loop_.Defer([self = self_] {
    if (*self == nullptr) return;
    (*self)->turn_queued_ = false;
    (*self)->Turn();
  });
}

// ---- Reading ----

void Engine::OnReadable() {
  if (state_ == State::kLingering) return Discard();
  const net::AliveCheck check(lifetime_);
  for (int rounds = 0; !dead_ && (state_ == State::kOpen || state_ == State::kFinishing);
       ++rounds) {
    if (!out_.empty() && nghttp2_session_get_outbound_queue_size(session_) > kMostQueuedFrames) {
      read_blocked_ = true;
      return;
    }
    if (rounds == kRoundsATurn) return loop_.Arm(go_on_, loop_.Now());
    char* block = loop_.buffers().Take();
    const net::IoResult result = stream_->Read({block, net::BufferPool::kBlock});
    if (result.status == net::IoStatus::kOk) Feed({block, result.bytes});
    loop_.buffers().Give(block);
    if (result.status == net::IoStatus::kWouldBlock) return;
    if (result.status != net::IoStatus::kOk) return Close();
    Turn();
    if (!check.alive() || result.bytes < net::BufferPool::kBlock) return;
  }
}

void Engine::Feed(std::string_view bytes) {
  working_ = true;
  const ssize_t used = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  working_ = false;
  if (used >= 0) return;
  if (used == NGHTTP2_ERR_FLOODED) OnFlood("h2_ack_flood");
  // Not HTTP/2, or a flood: what is said about it goes out, nothing is read any more.
  nghttp2_session_terminate_session(
      session_, used == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
  dead_ = true;
}

void Engine::AwaitBlock() { loop_.ArmAfter(deadline_for_block_, options_.head_timeout); }

void Engine::OnBlockTimeout() {
  OnFlood("slow_request");
  Terminate(NGHTTP2_ENHANCE_YOUR_CALM);
  dead_ = true;
}

// ---- Writing ----

void Engine::Turn() {
  if (working_ || state_ == State::kClosed || state_ == State::kLingering) return;
  const net::AliveCheck check(lifetime_);
  working_ = true;
  for (int rounds = 0; state_ != State::kClosed && rounds < kSendsATurn; ++rounds) {
    if (!queue_.empty()) Dispatch();
    if (!check.alive()) return;
    Send();
    if (queue_.empty()) break;
  }
  working_ = false;
  if (!queue_.empty() && state_ != State::kClosed) Touch();
  if (state_ == State::kClosed) return;
  OnSettled();
  FinishIfDone();
}

void Engine::Send() {
  for (int rounds = 0; state_ != State::kClosed; ++rounds) {
    if (out_.empty() && !Gather()) return;
    const net::IoResult result = net::WriteAllOf(*stream_, out_.view());
    if (result.status == net::IoStatus::kReset) return Close();
    out_.Consume(result.bytes);
    if (!out_.empty()) {
      if (result.bytes != 0 || !deadline_for_write_.armed()) {
        loop_.ArmAfter(deadline_for_write_, options_.write_timeout);
      }
      return;
    }
    deadline_for_write_.Cancel();
    out_.Release();
    if (rounds == kSendsATurn) {  // others get their turn
      working_ = false;
      Touch();
      working_ = true;
      return;
    }
  }
}

bool Engine::Gather() {
  while (out_.size() < kGathered) {
    const uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_, &data);
    if (n < 0) {
      Close();
      return false;
    }
    if (n == 0) break;
    out_.append(View(data, static_cast<size_t>(n)));
  }
  return !out_.empty();
}

void Engine::OnWritable() {
  if (state_ == State::kClosed || state_ == State::kLingering) return;
  const net::AliveCheck check(lifetime_);
  Turn();
  if (!check.alive() || !read_blocked_ || !out_.empty()) return;
  read_blocked_ = false;
  OnReadable();
}

void Engine::SendNow() {
  if (working_ || state_ == State::kClosed) return;
  working_ = true;
  Send();
  working_ = false;
}

void Engine::DeliverLater() {
  loop_.Defer([self = self_] {
    if (*self != nullptr) (*self)->Dispatch();
  });
}

// ---- Ends ----

void Engine::Terminate(uint32_t error) {
  if (state_ != State::kOpen) return;
  state_ = State::kFinishing;
  nghttp2_session_terminate_session(session_, error);
  Touch();
}

void Engine::FinishIfDone() {
  const bool done = nghttp2_session_want_write(session_) == 0 &&
                    (dead_ || nghttp2_session_want_read(session_) == 0);
  if (!done || !out_.empty()) return;
  // Closing with unread input would send a reset, which can overtake the last frame.
  stream_->ShutdownWrite();
  state_ = State::kLingering;
  deadline_for_block_.Cancel();
  deadline_for_write_.SetCallback([this] { Close(); });
  loop_.ArmAfter(deadline_for_write_, options_.linger_timeout);
  OnLastWord();
  if (state_ == State::kLingering) loop_.Arm(go_on_, loop_.Now());
}

void Engine::Discard() {
  while (state_ == State::kLingering) {
    char* block = loop_.buffers().Take();
    const net::IoResult result = stream_->Read({block, net::BufferPool::kBlock});
    loop_.buffers().Give(block);
    if (result.status == net::IoStatus::kWouldBlock) return;
    lingered_ += result.bytes;
    if (result.status != net::IoStatus::kOk || lingered_ > kMostLingered) return Close();
  }
}

void Engine::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  go_on_.Cancel();
  deadline_for_block_.Cancel();
  deadline_for_write_.Cancel();
  stream_->SetHandler(nullptr);
  stream_->ShutdownWrite();
  out_.Release();
  OnClosed();
}

}  // namespace hearth::h2
