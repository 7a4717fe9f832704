#include "cli/commands/completion.h"

#include <map>
#include <ostream>

#include "cli/commands/factories.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

// What the scripts are made of: each command's words, its flags, and whether it takes functions.
struct Entry {
  std::string group;  // "secret"; "" for a command of one word
  std::string word;
  std::string summary;
  std::vector<std::pair<std::string, std::string>> flags;  // "--name" and its help
  bool takes_function = false;
};

std::vector<Entry> Entries(const std::vector<std::unique_ptr<Command>>& commands) {
  std::vector<Entry> entries;
  for (const auto& command : commands) {
    const CommandInfo info = command->Info();
    if (info.hidden) continue;
    Entry entry;
    const size_t space = info.name.find(' ');
    entry.group = space == std::string::npos ? "" : info.name.substr(0, space);
    entry.word = space == std::string::npos ? info.name : info.name.substr(space + 1);
    entry.summary = info.summary;
    entry.takes_function = entry.group.empty() && (info.arguments.starts_with("NAME[") ||
                                                   info.arguments.starts_with("[NAME["));
    Flags flags;
    command->Declare(&flags);
    for (const Flags::Flag& flag : flags.all()) {
      if (!flag.info.hidden) entry.flags.emplace_back("--" + flag.info.name, flag.info.help);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string Words(const std::vector<std::string>& words) { return Join(words, " "); }

std::vector<std::string> FirstWords(const std::vector<Entry>& entries) {
  std::vector<std::string> words;
  for (const Entry& entry : entries) {
    const std::string& word = entry.group.empty() ? entry.word : entry.group;
    if (words.empty() || words.back() != word) words.push_back(word);
  }
  return words;
}

std::map<std::string, std::vector<std::string>> Groups(const std::vector<Entry>& entries) {
  std::map<std::string, std::vector<std::string>> groups;
  for (const Entry& entry : entries) {
    if (!entry.group.empty()) groups[entry.group].push_back(entry.word);
  }
  return groups;
}

std::string Bash(const std::vector<Entry>& entries) {
  std::string cases;
  std::string functions;
  for (const Entry& entry : entries) {
    std::vector<std::string> flags;
    for (const auto& flag : entry.flags) flags.push_back(flag.first);
    const std::string key = entry.group.empty() ? entry.word : entry.group + " " + entry.word;
    cases += Cat("    '", key, "') flags='", Words(flags), "' ;;\n");
    if (entry.takes_function) functions += Cat(functions.empty() ? "" : "|", entry.word);
  }
  std::string groups;
  for (const auto& [group, words] : Groups(entries)) {
    groups += Cat("    ", group, ") COMPREPLY=($(compgen -W '", Words(words),
                  "' -- \"$cur\")); [ $COMP_CWORD -eq 2 ] && return ;;\n");
  }
  return Cat(
      R"sh(# bash completion for hearth; source it, or put it into /etc/bash_completion.d/hearth
_hearth() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} first=${COMP_WORDS[1]} flags=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ')sh",
      Words(FirstWords(entries)), R"sh(' -- "$cur"))
    return
  fi
  case "$prev" in
    -f|--yaml|--from-file) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  case "$first" in
)sh",
      groups, R"sh(  esac
  case "$first" in
    secret|namespace) first="$first ${COMP_WORDS[2]}" ;;
  esac
  case "$first" in
)sh",
      cases, R"sh(  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    return
  fi
  case "$first" in
    )sh",
      functions, R"sh() COMPREPLY=($(compgen -W "$(hearth list -q 2>/dev/null)" -- "$cur")) ;;
    up|deploy|build) COMPREPLY=($(compgen -f -- "$cur")) ;;
  esac
}
complete -F _hearth hearth
)sh");
}

// Single quotes for zsh and fish; brackets and colons mean something to zsh's _arguments.
std::string Quoted(std::string_view text, bool for_arguments) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (for_arguments && (c == '[' || c == ']' || c == ':')) {
      out += "\\";
      out += c;
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string Zsh(const std::vector<Entry>& entries) {
  std::string first, cases;
  for (const std::string& word : FirstWords(entries)) first += Cat(" ", word);
  for (const Entry& entry : entries) {
    const std::string key = entry.group.empty() ? entry.word : entry.group + " " + entry.word;
    cases += Cat("    '", key, "') _arguments");
    for (const auto& [name, help] : entry.flags) {
      std::string escaped = Quoted(help, true);
      cases += Cat(" \\\n      '", name, "[", escaped.substr(1, escaped.size() - 2), "]'");
    }
    cases += entry.takes_function ? " \\\n      '*:function:($(hearth list -q 2>/dev/null))' ;;\n"
                                  : " \\\n      '*:file:_files' ;;\n";
  }
  std::string groups;
  for (const auto& [group, words] : Groups(entries)) {
    groups += Cat("    ", group, ") compadd ", Words(words), "; return ;;\n");
  }
  return Cat(R"sh(#compdef hearth
# zsh completion for hearth; put it into a folder of $fpath as _hearth
_hearth() {
  if (( CURRENT == 2 )); then
    compadd)sh",
             first, R"sh(
    return
  fi
  local first=$words[2]
  if (( CURRENT == 3 )); then
    case $first in
)sh",
             groups, R"sh(    esac
  fi
  case $first in
    secret|namespace) first="$first $words[3]" ;;
  esac
  case $first in
)sh",
             cases, R"sh(  esac
}
_hearth "$@"
)sh");
}

std::string Fish(const std::vector<Entry>& entries) {
  std::string out =
      "# fish completion for hearth; put it into ~/.config/fish/completions/hearth.fish\n"
      "complete -c hearth -f\n";
  for (const std::string& word : FirstWords(entries)) {
    std::string summary;
    for (const Entry& entry : entries) {
      if (entry.group.empty() && entry.word == word) summary = entry.summary;
    }
    out += Cat("complete -c hearth -n __fish_use_subcommand -a ", word, " -d ",
               Quoted(summary, false), "\n");
  }
  for (const auto& [group, words] : Groups(entries)) {
    out +=
        Cat("complete -c hearth -n '__fish_seen_subcommand_from ", group,
            "; and not __fish_seen_subcommand_from ", Words(words), "' -a '", Words(words), "'\n");
  }
  for (const Entry& entry : entries) {
    std::string seen = Cat("__fish_seen_subcommand_from ", entry.word);
    if (!entry.group.empty()) {
      seen = Cat("__fish_seen_subcommand_from ", entry.group, "; and ", seen);
    }
    for (const auto& [name, help] : entry.flags) {
      out += Cat("complete -c hearth -n '", seen, "' -l ", name.substr(2), " -d ",
                 Quoted(help, false), "\n");
    }
    if (entry.takes_function) {
      out += Cat("complete -c hearth -n '", seen, "' -a '(hearth list -q 2>/dev/null)'\n");
    }
  }
  return out;
}

class CompletionCommand final : public Command {
 public:
  CommandInfo Info() const override {
    return {"completion",
            "Print a completion script for a shell",
            "bash|zsh|fish",
            "",
            {"source <(hearth completion bash)",
             "hearth completion fish > ~/.config/fish/completions/hearth.fish"},
            false};
  }
  void Declare(Flags*) override {}
  absl::StatusOr<int> Run(const std::vector<std::string>& arguments, Context& context) override {
    RETURN_IF_ERROR(ExpectArguments(arguments, 1, 1, Info()));
    const auto script = CompletionScript(arguments[0], AllCommands());
    if (!script) {
      return UsageError(Cat("\"", arguments[0], "\" is not a known shell: bash, zsh or fish"));
    }
    context.terminal.out() << *script;
    return 0;
  }
};

}  // namespace

std::optional<std::string> CompletionScript(std::string_view shell,
                                            const std::vector<std::unique_ptr<Command>>& commands) {
  const std::vector<Entry> entries = Entries(commands);
  if (shell == "bash") return Bash(entries);
  if (shell == "zsh") return Zsh(entries);
  if (shell == "fish") return Fish(entries);
  return std::nullopt;
}

std::unique_ptr<Command> NewCompletionCommand() { return std::make_unique<CompletionCommand>(); }

}  // namespace hearth::cli
