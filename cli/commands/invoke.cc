#include <ostream>

#include "cli/commands/connection.h"
#include "cli/commands/factories.h"
#include "core/base/absl_compat.h"
#include "core/base/duration.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"
#include "core/base/version.h"

namespace hearth::cli {
namespace {

// A body up to this size is sent with its length; a longer one is streamed as it comes.
constexpr size_t kBufferedBody = 1u << 20;

class InvokeCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"invoke",
            "Call a function: standard input is the request's body, the answer goes to standard "
            "output",
            "NAME[.NAMESPACE][/PATH]",
            "Both bodies are streamed. The exit code is 0 for an answer below 400, else 1.",
            {"echo hello | hearth invoke upper", "hearth invoke api/users?id=3 --method GET -i",
             "hearth invoke resize --content-type image/png < in.png > out.png",
             "hearth invoke greet --data '{\"name\": \"you\"}' --content-type application/json"},
            false};
  }

  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(&namespace_, {.name = "namespace", .letter = 'n', .help = "Namespace"});
    flags->Add(&method_, {.name = "method", .letter = 'X', .help = "HTTP method"});
    flags->Add(&headers_, {.name = "header",
                           .letter = 'H',
                           .help = "Header field of the request",
                           .value_name = "NAME=VALUE"});
    flags->Add(&query_,
               {.name = "query", .help = "Part of the query string", .value_name = "NAME=VALUE"});
    flags->Add(&content_type_, {.name = "content-type", .help = "Type of the body"});
    flags->Add(
        &data_,
        {.name = "data", .letter = 'd', .help = "Body of the request, instead of standard input"});
    flags->Add(&include_,
               {.name = "include", .letter = 'i', .help = "Print status and header fields first"});
    flags->Add(&auth_,
               {.name = "auth",
                .help = "Send the credentials of the platform along: for private functions"});
    flags->Add(&timeout_,
               {.name = "timeout", .help = "Give up after so long a silence; 0s: never"});
  }

  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 1, 1, Info()));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    ASSIGN_OR_RETURN(HttpRequest request, Request(arguments[0], *client, context));

    HttpResponse head;
    bool writable = true;
    StreamSink sink;
    sink.on_head = [&](const HttpResponse& response) {
      head = response;
      if (include_) WriteHead(response, context);
    };
    sink.on_data = [&](std::string_view piece) {
      writable = context.write_output(piece);
      return writable;
    };
    context.terminal.out() << std::flush;
    auto response = connection_.transport().Stream(request, sink);
    if (!response.ok() && head.status == 0) return client->Explain(response.status());
    if (!response.ok()) {
      return Unavailable(Cat("the answer broke off: ", Message(response.status())));
    }
    return head.status < 400 ? 0 : Failed(head, *client, context);
  }

 private:
  absl::StatusOr<HttpRequest> Request(const std::string& target, const PlatformClient& client,
                                      Context& context) {
    const size_t cut = target.find_first_of("/?");
    ASSIGN_OR_RETURN(const FunctionKey key, ParseFunctionName(target.substr(0, cut), namespace_));
    HttpRequest request;
    request.method = method_;
    request.url = client.FunctionUrl(key);
    std::string rest = cut == std::string::npos ? "" : target.substr(cut);
    if (rest.starts_with('?')) rest.insert(0, "/");
    request.url += rest;
    for (const auto& pair : query_) {
      request.url += request.url.find('?') == std::string::npos ? '?' : '&';
      const size_t equals = pair.find('=');
      request.url += PercentEncode(pair.substr(0, equals));
      if (equals != std::string::npos) request.url += "=" + PercentEncode(pair.substr(equals + 1));
    }
    request.timeout = timeout_;
    if (auth_) client.AddCredentials(&request);
    RETURN_IF_ERROR(AddHeaders(&request));
    if (method_ == "GET" || method_ == "HEAD") {
      if (data_) return UsageError(Cat("--method ", method_, " takes no --data"));
      return request;
    }
    if (data_) {
      request.body = *data_;
    } else {
      RETURN_IF_ERROR(AddInput(&request, context));
    }
    return request;
  }

  absl::Status AddHeaders(HttpRequest* request) const {
    bool has_type = false, has_agent = false;
    for (const auto& pair : headers_) {
      // "Name: value", as curl has it, or "Name=value", as faas-cli has it.
      const size_t cut = pair.find_first_of(":=");
      if (cut == std::string::npos || cut == 0) {
        return UsageError(Cat("--header \"", pair, "\" must be written NAME=VALUE"));
      }
      const std::string name(Trim(pair.substr(0, cut)));
      has_type = has_type || EqualsIgnoreAsciiCase(name, "Content-Type");
      has_agent = has_agent || EqualsIgnoreAsciiCase(name, "User-Agent");
      request->headers.emplace_back(name, std::string(Trim(pair.substr(cut + 1))));
    }
    const bool has_body = request->method != "GET" && request->method != "HEAD";
    if (!has_type && has_body) request->headers.emplace_back("Content-Type", content_type_);
    if (!has_agent) request->headers.emplace_back("User-Agent", Cat("hearth/", Version()));
    return absl::OkStatus();
  }

  static absl::Status AddInput(HttpRequest* request, Context& context) {
    if (context.input_is_terminal) {
      context.terminal.Note("reading the request's body from the terminal; Ctrl-D ends it");
    }
    std::string buffer(64u << 10, '\0');
    while (request->body.size() < kBufferedBody) {
      ASSIGN_OR_RETURN(const size_t n, context.read_input({buffer.data(), buffer.size()}));
      if (n == 0) return absl::OkStatus();
      request->body.append(buffer, 0, n);
    }
    request->body_source = context.read_input;
    return absl::OkStatus();
  }

  static void WriteHead(const HttpResponse& response, Context& context) {
    std::string text = Cat("HTTP/1.1 ", response.status, "\n");
    for (const auto& [name, value] : response.headers) text += Cat(name, ": ", value, "\n");
    context.write_output(text + "\n");
  }

  // Whose fault it was, in one line; the body is already printed.
  static int Failed(const HttpResponse& head, const PlatformClient& client, Context& context) {
    const std::string origin(head.Header("X-Hearth-Error"));
    if (context.terminal.out_is_terminal()) context.write_output("\n");
    std::string text = Cat("the answer's status is ", head.status);
    if (!origin.empty()) text += Cat(" (", Printable(origin), ")");
    if (head.status == 401) text += "; a private function wants --auth";
    if (head.status == 404 && origin.starts_with("gateway")) {
      text += Cat("; \"hearth list\" shows what runs at ", client.url());
    }
    context.terminal.Error(text);
    return 1;
  }

  Connection connection_;
  std::string namespace_, method_ = "POST", content_type_ = "text/plain";
  std::vector<std::string> headers_, query_;
  std::optional<std::string> data_;
  bool include_ = false, auth_ = false;
  Duration timeout_ = std::chrono::minutes(10);
};

}  // namespace

std::unique_ptr<Command> NewInvokeCommand() { return std::make_unique<InvokeCommand>(); }

}  // namespace hearth::cli
