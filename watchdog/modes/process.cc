#include "watchdog/modes/process.h"

#include <algorithm>
#include <utility>

#include "core/base/absl_compat.h"
#include "core/http/writer.h"
#include "watchdog/modes/cgi_environment.h"

namespace hearth::watchdog {
namespace {

// Of a request's body that its process has not read yet.
constexpr size_t kInputWatermark = 64 * 1024;
constexpr size_t kReadSize = 64 * 1024;
// Of a serialized answer.
constexpr size_t kMaxBuffered = 64 * 1024 * 1024;

}  // namespace

// One request and its process. Owned by its Call.
class ProcessMode::ProcessCall final : public CallHandler, public ProcessObserver {
 public:
  ProcessCall(ProcessMode& mode, Call& call)
      : mode_(mode), call_(call), input_(*this), output_(*this) {}
  ~ProcessCall() override { CloseStreams(); }

  void Run() {
    LaunchSpec spec = mode_.spec_;
    spec.with_stdin = true;
    AppendCgiEnvironment(call_.head(), call_.id(), &spec.environment);
    auto process = mode_.launcher_.Launch(spec, this);
    if (!process.ok()) {
      mode_.log_.Platform(Message(process.status()));
      call_.Fail(502, "function", "crashed", Message(process.status()));
      return;
    }
    process_ = std::move(*process);
    stderr_ =
        std::make_unique<OutputReader>(mode_.log_, "stderr", process_->TakeStderr(), call_.id());
    stdin_ = process_->TakeStdin();
    stdin_->SetHandler(&input_);
    stdout_ = process_->TakeStdout();
    stdout_->SetHandler(&output_);
    call_.ReadBody();
  }

  void OnBody(std::string_view piece) override {
    if (stdin_ == nullptr) return;  // the process does not want it
    pending_.append(piece);
    WriteInput();
    if (pending_.size() >= kInputWatermark) {
      input_full_ = true;
      call_.PauseBody();
    }
  }

  void OnBodyEnd(std::string_view) override {
    body_ended_ = true;
    WriteInput();
  }

  void OnWritable() override {
    output_full_ = false;
    ReadOutput();
  }

  void OnCallerGone() override {
    Kill();
    call_.Finish();
  }

  void OnTimeout() override {
    Kill();
    call_.Fail(504, "watchdog", "timeout", "the function's process did not end in time: killed");
  }

  void OnExit(const ExitInfo& exit) override {
    exit_ = exit;
    process_.reset();
    if (call_.finished()) return;
    if (!exit.Success()) mode_.host_.OnFunctionExit(exit);
    if (stderr_ != nullptr) stderr_->Finish();
    ReadOutput();
  }

 private:
  // The ends of the two pipes tell the same object different things.
  struct Input final : net::StreamHandler {
    explicit Input(ProcessCall& owner) : call(owner) {}
    void OnReadable() override { call.WriteInput(); }  // the process closed its end
    void OnWritable() override { call.WriteInput(); }
    ProcessCall& call;
  };
  struct Output final : net::StreamHandler {
    explicit Output(ProcessCall& owner) : call(owner) {}
    void OnReadable() override { call.ReadOutput(); }
    void OnWritable() override {}
    ProcessCall& call;
  };

  bool serializing() const { return mode_.config_.mode == ModeKind::kSerializing; }

  void CloseStreams() {
    if (stdin_ != nullptr) stdin_->SetHandler(nullptr);
    if (stdout_ != nullptr) stdout_->SetHandler(nullptr);
    stdin_.reset();
    stdout_.reset();
  }

  void Kill() {
    CloseStreams();
    if (process_ != nullptr) process_->KillTree();
  }

  void WriteInput() {
    if (stdin_ == nullptr) return;
    if (!pending_.empty()) {
      const net::IoResult r = WriteAllOf(*stdin_, pending_.view());
      if (r.status == net::IoStatus::kOk) pending_.Consume(r.bytes);
      if (r.status == net::IoStatus::kReset) {
        pending_.Release();
        CloseInput();
      }
    }
    if (pending_.empty() && body_ended_) CloseInput();
    if (input_full_ && pending_.size() <= kInputWatermark / 2) {
      input_full_ = false;
      call_.ResumeBody();
    }
  }

  void CloseInput() {
    if (stdin_ == nullptr) return;
    stdin_->SetHandler(nullptr);
    stdin_.reset();
  }

  void ReadOutput() {
    while (stdout_ != nullptr && !output_full_) {
      const std::span<char> space = buffer_.Prepare(kReadSize);
      const net::IoResult r = stdout_->Read(space);
      if (r.status == net::IoStatus::kOk) {
        Take({space.data(), r.bytes});
        continue;
      }
      // After the exit nothing more comes, even where somebody else holds the pipe open.
      if (r.status == net::IoStatus::kWouldBlock && !exit_) return;
      stdout_->SetHandler(nullptr);
      stdout_.reset();
    }
    if (stdout_ == nullptr && exit_ && !call_.finished()) Conclude();
  }

  void Take(std::string_view piece) {
    if (serializing()) {
      if (answer_.size() + piece.size() > kMaxBuffered) {
        Kill();
        call_.Fail(502, "function", "bad_response", "the function's output is larger than 64 MiB");
        return;
      }
      answer_.append(piece);
      return;
    }
    if (!call_.begun()) call_.Begin(200, {}, ContentType(), std::nullopt);
    if (!call_.Write(piece)) output_full_ = true;
  }

  std::string ContentType() const { return "Content-Type: " + mode_.config_.content_type + "\r\n"; }

  void Conclude() {
    if (exit_->Success()) {
      if (serializing() || !call_.begun()) {
        call_.Respond(200, ContentType(), answer_);
      } else {
        call_.End();
      }
      return;
    }
    std::string message = "the function's process ended: " + exit_->Reason();
    if (stderr_ != nullptr && !stderr_->tail().empty()) message += "\n" + stderr_->tail();
    if (exit_->signal != 0) {
      call_.Fail(502, "function", "crashed", message);
    } else {
      call_.Fail(500, "function", "error", message);
    }
  }

  ProcessMode& mode_;
  Call& call_;
  Input input_;
  Output output_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<OutputReader> stderr_;
  std::unique_ptr<net::Stream> stdin_;
  std::unique_ptr<net::Stream> stdout_;
  net::Buffer pending_;  // for stdin
  net::Buffer buffer_;   // reading stdout
  std::string answer_;
  std::optional<ExitInfo> exit_;
  bool body_ended_ = false;
  bool input_full_ = false;
  bool output_full_ = false;
};

ProcessMode::ProcessMode(Launcher& launcher, FunctionLog& log, ModeHost& host, const Config& config,
                         LaunchSpec spec)
    : launcher_(launcher), log_(log), host_(host), config_(config), spec_(std::move(spec)) {}

ProcessMode::~ProcessMode() = default;

void ProcessMode::Start() {
  if (const absl::Status status = launcher_.Check(spec_); !status.ok()) {
    log_.Platform(Message(status));
    host_.OnFunctionFailed(Message(status));
    return;
  }
  host_.OnFunctionReady();
}

void ProcessMode::Handle(Call& call) {
  auto handler = std::make_unique<ProcessCall>(*this, call);
  ProcessCall* process = handler.get();
  call.Start(std::move(handler));
  process->Run();
}

}  // namespace hearth::watchdog
