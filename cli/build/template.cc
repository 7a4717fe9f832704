#include "cli/build/template.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/absl_compat.h"
#include "core/base/status_macros.h"
#include "core/base/strings.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

absl::Status CopyFile(const fs::path& from, const fs::path& to, std::string_view name) {
  std::ifstream in(from, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  std::ofstream out(to, std::ios::binary);
  const std::string text = content.str();
  // A file with NUL bytes is not text: copied as it is.
  out << (text.find('\0') == std::string::npos ? FillTemplate(text, name) : text);
  out.close();
  if (!in || !out) return FailedPrecondition(Cat("cannot write ", to.string()));
  std::error_code error;
  fs::permissions(to, fs::status(from, error).permissions(), error);
  return absl::OkStatus();
}

}  // namespace

std::string FillTemplate(std::string_view text, std::string_view name) {
  constexpr std::string_view kPlace = "{{name}}";
  std::string out;
  for (size_t at = 0;;) {
    const size_t next = text.find(kPlace, at);
    out += text.substr(at, next - at);
    if (next == std::string_view::npos) return out;
    out += name;
    at = next + kPlace.size();
  }
}

absl::Status CopyTemplate(const std::string& from, const std::string& to, std::string_view name) {
  std::error_code error;
  fs::create_directories(to, error);
  if (error) return FailedPrecondition(Cat("cannot make the folder ", to, ": ", error.message()));
  auto it = fs::recursive_directory_iterator(from, error);
  if (error) return NotFound(Cat("this runtime has no template at ", from));
  for (const auto& entry : it) {
    const std::string relative = entry.path().lexically_relative(from).string();
    const fs::path target = fs::path(to) / FillTemplate(relative, name);
    if (entry.is_directory()) {
      fs::create_directories(target, error);
      if (error) return FailedPrecondition(Cat("cannot make the folder ", target.string()));
    } else {
      RETURN_IF_ERROR(CopyFile(entry.path(), target, name));
    }
  }
  return absl::OkStatus();
}

}  // namespace hearth::cli
