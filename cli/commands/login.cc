#include <nlohmann/json.hpp>
#include <termios.h>
#include <unistd.h>

#include <ostream>

#include "cli/commands/connection.h"
#include "cli/commands/factories.h"
#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

absl::StatusOr<std::string> SavedFile(const std::string& path) {
  auto content = ReadFile(path);
  if (!content.ok() && content.status().code() == absl::StatusCode::kNotFound) {
    return std::string();
  }
  return content;
}

// Turns the terminal's echo off while a password is typed.
class NoEcho {
 public:
  NoEcho() : on_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!on_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  ~NoEcho() {
    if (on_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  termios before_{};
  bool on_;
};

absl::StatusOr<std::string> ReadLine(Context& context) {
  std::string line;
  char c = 0;
  while (line.size() < 4096) {
    ASSIGN_OR_RETURN(const size_t n, context.read_input({&c, 1}));
    if (n == 0 || c == '\n') break;
    line.push_back(c);
  }
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

class LoginCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"login",
            "Check credentials for a gateway and keep them",
            "",
            "They are kept in ~/.config/hearth/credentials, readable by you alone. On the machine "
            "that runs \"hearth serve\", as the same user, no login is needed.",
            {"hearth login --gateway https://fn.example.com",
             "cat password.txt | hearth login -g https://fn.example.com --password-stdin"},
            false};
  }
  void Declare(Flags* flags) override {
    connection_.Declare(flags);
    flags->Add(
        &from_input_,
        {.name = "password-stdin", .letter = 's', .help = "Read the password from standard input"});
    flags->Add(&username_, {.name = "username", .letter = 'u', .help = "", .hidden = true});
  }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 0, 0, Info()));
    ASSIGN_OR_RETURN(PlatformClient * first, connection_.Open(context));
    const GatewayChoice gateway = first->gateway();
    Credentials credentials = connection_.given();
    if (credentials.user.empty()) credentials.user = username_.empty() ? "admin" : username_;
    if (credentials.password.empty()) {
      ASSIGN_OR_RETURN(credentials.password, AskPassword(gateway.url, credentials.user, context));
    }
    PlatformClient client(connection_.transport(), gateway, credentials);
    RETURN_IF_ERROR(client.Call("GET", "/system/functions", nullptr).status());
    const std::string path = CredentialsFile(context.environment);
    ASSIGN_OR_RETURN(const std::string before, SavedFile(path));
    ASSIGN_OR_RETURN(const std::string after, WithSaved(before, gateway.url, credentials));
    RETURN_IF_ERROR(WriteFileAtomically(path, after, 0600));
    context.terminal.out() << "logged in to " << gateway.url << " as " << credentials.user << "\n";
    if (gateway.url.starts_with("http://") && !gateway.url.starts_with("http://127.") &&
        !gateway.url.starts_with("http://localhost")) {
      context.terminal.Warn("this gateway has no TLS: others on the way can read the password");
    }
    return 0;
  }

 private:
  absl::StatusOr<std::string> AskPassword(const std::string& url, const std::string& user,
                                          Context& context) const {
    if (!from_input_ && !context.input_is_terminal) {
      return UsageError("give the password with --password-stdin (or --password)");
    }
    if (from_input_) {
      ASSIGN_OR_RETURN(const std::string all, ReadAllInput(context));
      return std::string(Trim(all));
    }
    context.terminal.err() << "password of " << user << " at " << url << ": " << std::flush;
    NoEcho quiet;
    auto line = ReadLine(context);
    context.terminal.err() << std::endl;
    return line;
  }

  Connection connection_;
  bool from_input_ = false;
  std::string username_;
};

class LogoutCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"logout",
            "Forget the credentials of a gateway",
            "",
            "",
            {"hearth logout --gateway https://fn.example.com"},
            false};
  }
  void Declare(Flags* flags) override { connection_.Declare(flags); }
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 0, 0, Info()));
    ASSIGN_OR_RETURN(PlatformClient * client, connection_.Open(context));
    const std::string path = CredentialsFile(context.environment);
    ASSIGN_OR_RETURN(const std::string before, SavedFile(path));
    ASSIGN_OR_RETURN(const Credentials saved, FindSaved(before, client->url()));
    if (saved.empty()) return NotFound(Cat("there is no login for ", client->url()));
    ASSIGN_OR_RETURN(const std::string after, WithoutSaved(before, client->url()));
    RETURN_IF_ERROR(WriteFileAtomically(path, after, 0600));
    context.terminal.out() << "logged out of " << client->url() << "\n";
    return 0;
  }

 private:
  Connection connection_;
};

}  // namespace

std::unique_ptr<Command> NewLoginCommand() { return std::make_unique<LoginCommand>(); }
std::unique_ptr<Command> NewLogoutCommand() { return std::make_unique<LogoutCommand>(); }

}  // namespace hearth::cli
