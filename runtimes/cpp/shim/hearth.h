#pragma once

// Runs a C++ function on Hearth: #include <hearth.h>, write a handler, and `return hearth::Run(handler);` in main.
// It speaks the Lambda Runtime API, has no dependencies and needs C++17. A handler is any of
//
//   hearth::Response handler(const hearth::Event& request, const hearth::Context& context);
//   hearth::Json     handler(const hearth::Event& request, const hearth::Context& context);   // 200 with the JSON
//   std::string      handler(const hearth::Event& request, const hearth::Context& context);   // 200 with the text
//   void             handler(const hearth::Event&, const hearth::Context&, hearth::Stream&);  // sent while it runs
//   std::string      handler(std::string_view event, const hearth::Context& context);         // JSON text to JSON text
//
// What it throws is the function's error: 500 with its type and message, and the process goes on.

#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "hearth/connection.h"
#include "hearth/event.h"
#include "hearth/json.h"

namespace hearth {

namespace internal {

inline std::string Env(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

inline std::string TypeName(const std::exception& error) {
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? name.get() : typeid(error).name();
}

inline void AddCauses(const std::exception& error, Json& trace) {
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    trace.push("caused by " + TypeName(cause) + ": " + cause.what());
    AddCauses(cause, trace);
  } catch (...) {
    trace.push("caused by something that is no std::exception");
  }
}

struct Failure {
  std::string type;
  std::string json;

  // Of the exception that is being handled. `kind` replaces its type.
  static Failure Current(std::string kind = "") {
    std::string message = "thrown: something that is no std::exception";
    Json trace = Json::array();
    try {
      throw;
    } catch (const std::exception& error) {
      if (kind.empty()) kind = TypeName(error);
      message = error.what();
      AddCauses(error, trace);
    } catch (...) {
      if (kind.empty()) kind = "Unknown";
    }
    std::fprintf(stderr, "%s: %s\n", kind.c_str(), message.c_str());
    for (const Json& line : trace.items()) std::fprintf(stderr, "    %s\n", line.str().c_str());
    if (!IsUtf8(message)) message = "(not UTF-8, base64) " + EncodeBase64(message);
    Json all = Json::object({{"errorMessage", message}, {"errorType", kind}, {"stackTrace", trace}});
    return {kind, all.Dump()};
  }

  std::string HeaderType() const {
    if (type.rfind("Runtime.", 0) == 0 || type.rfind("Function.", 0) == 0) return type;
    std::string plain = "Function.";
    for (const char c : type) {
      if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) plain += c;
    }
    return plain;
  }
};

inline constexpr char kTypeHeader[] = "Lambda-Runtime-Function-Error-Type: ";
inline constexpr char kBodyHeader[] = "Lambda-Runtime-Function-Error-Body: ";

inline void Report(Connection& connection, const std::string& id, const Failure& failure) {
  connection.Request("POST", "invocation/" + id + "/error",
                     "Content-Type: application/json\r\n" + (kTypeHeader + failure.HeaderType()) + "\r\n",
                     failure.json);
}

}  // namespace internal

// An answer that is sent while the handler runs: each Write goes to the client at once.
class Stream {
 public:
  Stream(internal::Connection& connection, std::string id) : connection_(connection), id_(std::move(id)) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Status, headers and cookies of `head`; before the first Write.
  void SetHead(const Response& head) {
    if (started_) throw std::logic_error("the head of the answer is already sent");
    head_ = head.Head().Dump() + std::string(8, '\0');
  }
  // For answers with status 200 and no other headers.
  void SetContentType(std::string type) { content_type_ = std::move(type); }

  // False: the client went away, and there is no use in going on.
  bool Write(std::string_view data) {
    try {
      Start();
      Chunk(data);
    } catch (const internal::Lost&) {
      lost_ = true;
    }
    return !lost_;
  }

  bool started() const { return started_; }

  // Ends the answer; with the failure that cut it short in its trailers. Called by Run.
  void Conclude(const internal::Failure* failure) {
    try {
      if (lost_) throw internal::Lost("the Runtime API closed the connection");
      Start();
      std::string end = "0\r\n";
      if (failure) {
        end += internal::kTypeHeader + failure->HeaderType() + "\r\n";
        end += internal::kBodyHeader + internal::EncodeBase64(failure->json) + "\r\n";
      }
      connection_.Send(end + "\r\n");
      connection_.ReadAnswer();
    } catch (const internal::Lost& lost) {
      // The platform hung up because the client did: no reason to lose this process.
      std::fprintf(stderr, "the stream of %s was cut off: %s\n", id_.c_str(), lost.what());
      connection_.Close();
    }
  }

 private:
  void Start() {
    if (started_ || lost_) return;
    started_ = true;
    connection_.Send(
        connection_.Head("POST", "invocation/" + id_ + "/response") + "Content-Type: " +
        (head_.empty() ? content_type_ : "application/vnd.awslambda.http-integration-response") +
        "\r\nTransfer-Encoding: chunked\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n");
    Chunk(head_);
  }

  void Chunk(std::string_view data) {
    if (data.empty() || lost_) return;
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", data.size());
    std::string framed(size);
    framed += data;
    connection_.Send(framed += "\r\n");
  }

  internal::Connection& connection_;
  std::string id_;
  std::string head_;
  std::string content_type_ = "text/plain; charset=utf-8";
  bool started_ = false;
  bool lost_ = false;
};

namespace internal {

inline std::string EncodeResult(const Response& result) { return result.Encode(); }
inline std::string EncodeResult(const Json& result) { return result.Dump(); }
inline std::string EncodeResult(const std::string& result) {
  if (IsUtf8(result)) return Json(result).Dump();
  return Response{200, {{"content-type", "application/octet-stream"}}, result, {}}.Encode();
}

inline Context MakeContext(const Answer& next) {
  auto field = [&next](const char* name) {
    auto found = next.headers.find(name);
    return found == next.headers.end() ? std::string() : found->second;
  };
  Context context;
  context.request_id = field("lambda-runtime-aws-request-id");
  context.invoked_function_arn = field("lambda-runtime-invoked-function-arn");
  context.trace_id = field("lambda-runtime-trace-id");
  context.function_name = Env("AWS_LAMBDA_FUNCTION_NAME");
  context.function_version = Env("AWS_LAMBDA_FUNCTION_VERSION");
  context.memory_limit_mb = std::atoi(Env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").c_str());
  context.deadline = std::chrono::system_clock::time_point(
      std::chrono::milliseconds(std::atoll(field("lambda-runtime-deadline-ms").c_str())));
  return context;
}

// The event as the handler wants it, or nothing: then the failure is reported.
inline std::unique_ptr<Event> ParseEvent(Connection& connection, const Context& context, const std::string& text) {
  try {
    return std::make_unique<Event>(text);
  } catch (const std::exception&) {
    Report(connection, context.request_id, Failure::Current("Runtime.UnmarshalError"));
    return nullptr;
  }
}

template <typename Handler>
void Serve(Connection& connection, Handler& handler, const Context& context, const std::string& text) {
  std::string result;
  if constexpr (std::is_invocable_v<Handler&, const Event&, const Context&, Stream&>) {
    const auto event = ParseEvent(connection, context, text);
    if (!event) return;
    Stream stream(connection, context.request_id);
    try {
      handler(*event, context, stream);
      stream.Conclude(nullptr);
    } catch (...) {
      const Failure failure = Failure::Current();
      stream.started() ? stream.Conclude(&failure) : Report(connection, context.request_id, failure);
    }
    return;
  } else if constexpr (std::is_invocable_v<Handler&, std::string_view, const Context&>) {
    try {
      result = handler(std::string_view(text), context);
    } catch (...) {
      Report(connection, context.request_id, Failure::Current());
      return;
    }
  } else {
    static_assert(std::is_invocable_v<Handler&, const Event&, const Context&>,
                  "hearth::Run: a handler takes (const hearth::Event&, const hearth::Context&), "
                  "(const hearth::Event&, const hearth::Context&, hearth::Stream&) or "
                  "(std::string_view, const hearth::Context&)");
    const auto event = ParseEvent(connection, context, text);
    if (!event) return;
    try {
      result = EncodeResult(handler(*event, context));
    } catch (...) {
      Report(connection, context.request_id, Failure::Current());
      return;
    }
  }
  const Answer answer = connection.Request("POST", "invocation/" + context.request_id + "/response",
                                           "Content-Type: application/json\r\n", result);
  if (answer.status >= 300) {
    std::fprintf(stderr, "the Runtime API refused the answer of %s: %d %.300s\n", context.request_id.c_str(),
                 answer.status, answer.body.c_str());
  }
}

template <typename Handler>
void ServeForever(const std::string& address, Handler& handler) {
  try {
    Connection connection(address);
    for (;;) {
      const Answer next = connection.Request("GET", "invocation/next");
      if (next.status != 200) throw std::runtime_error("next: status " + std::to_string(next.status));
      Serve(connection, handler, MakeContext(next), next.body);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    std::_Exit(1);
  }
}

}  // namespace internal

// `spec.handler`, for a binary that holds more than one.
inline std::string HandlerName() { return internal::Env("_HANDLER"); }

// Serves invocations, AWS_LAMBDA_MAX_CONCURRENCY at once (then the handler is called from so many threads). Returns
// only when it cannot begin.
template <typename Handler>
int Run(Handler handler) {
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
  const std::string address = internal::Env("AWS_LAMBDA_RUNTIME_API");
  if (address.empty()) {
    std::fputs("AWS_LAMBDA_RUNTIME_API is not set: this program is started by hearth-watchdog\n", stderr);
    return 1;
  }
  const int parallel = std::atoi(internal::Env("AWS_LAMBDA_MAX_CONCURRENCY").c_str());
  std::vector<std::thread> others;
  for (int i = 1; i < parallel; ++i) {
    others.emplace_back([&address, &handler] { internal::ServeForever(address, handler); });
  }
  internal::ServeForever(address, handler);
  for (std::thread& other : others) other.join();
  return 1;
}

}  // namespace hearth
