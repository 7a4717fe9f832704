#pragma once

#include <functional>
#include <memory>
#include <string>

#include "watchdog/event/event.h"
#include "watchdog/modes/native.h"

namespace hearth::watchdog {

// One request on its way through the runtime: collects the body, becomes an event, takes the
// answer. Owned by its Call, which stays until the runtime has answered even when the caller is
// gone: the runtime is busy with it that long.
class NativeMode::Invocation final : public CallHandler {
 public:
  Invocation(NativeMode& mode, Call& call, std::string id);
  ~Invocation() override;

  const std::string& id() const { return id_; }
  Call& call() { return call_; }
  const std::string& event() const { return event_; }
  // The fields of `next`.
  std::string Fields() const;

  void SetResume(std::function<void()> resume) { resume_ = std::move(resume); }
  // The function's answer; see EventKind. False: not usable, and answered with 502.
  void Answer(std::string_view result, std::string_view content_type);
  void AnswerError(std::string_view body);
  void AnswerTooLarge();
  void AnswerCrashed(const ExitInfo& exit);

  void OnBody(std::string_view piece) override;
  void OnBodyEnd(std::string_view trailer) override;
  void OnWritable() override;
  void OnCallerGone() override;
  void OnTimeout() override;

 private:
  void MakeEvent();

  NativeMode& mode_;
  Call& call_;
  std::string id_;
  std::string body_;
  std::string event_;
  std::string content_type_;  // of the event
  std::string trace_id_;
  std::string client_context_;
  std::function<void()> resume_;
  bool offered_ = false;
};

// Collects a whole response, then answers with it.
class NativeMode::Buffered final : public ResponseSink {
 public:
  Buffered(NativeMode& mode, std::string id, std::string_view content_type)
      : mode_(mode), id_(std::move(id)), content_type_(content_type) {}
  bool OnData(std::string_view piece) override;
  std::optional<ApiError> OnEnd(std::string_view trailer) override;
  void OnBroken() override;

 private:
  NativeMode& mode_;
  std::string id_;
  std::string content_type_;
  std::string result_;
  bool too_large_ = false;
};

// Passes a response on while it comes.
class NativeMode::Streamed final : public ResponseSink {
 public:
  // `with_prelude`: the answer's head is at the start of the stream.
  Streamed(NativeMode& mode, std::string id, std::string_view content_type, bool with_prelude)
      : mode_(mode), id_(std::move(id)), content_type_(content_type), in_prelude_(with_prelude) {}
  bool OnData(std::string_view piece) override;
  std::optional<ApiError> OnEnd(std::string_view trailer) override;
  void OnBroken() override;

 private:
  bool Begin(Call& call, const EventAnswer& head);
  void Bad(std::string_view why);

  NativeMode& mode_;
  std::string id_;
  std::string content_type_;
  PreludeScanner prelude_;
  bool in_prelude_;
  bool bad_ = false;
};

// A field of trailer lines, e.g. "Lambda-Runtime-Function-Error-Body"; "" where it is missing.
std::string_view TrailerField(std::string_view trailer, std::string_view name);

// The error's type and message for people: "ImportError: no module named x". Empty: not such JSON.
std::string ErrorSummary(std::string_view error_json);

}  // namespace hearth::watchdog
