#include "gateway/proxy/router.h"

namespace hearth::proxy {
namespace {

constexpr std::string_view kFunctionPrefix = "/function/";
constexpr std::string_view kAsyncPrefix = "/async-function/";

void SplitName(std::string_view rest, Destination* to) {
  const size_t slash = rest.find('/');
  const std::string_view full = rest.substr(0, slash);
  to->suffix = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
  const size_t dot = full.rfind('.');
  to->name = full.substr(0, dot);
  if (dot != std::string_view::npos) to->ns = full.substr(dot + 1);
}

}  // namespace

Destination Route(std::string_view path) {
  Destination to;
  if (path.starts_with(kFunctionPrefix)) {
    to.kind = Destination::Kind::kFunction;
    SplitName(path.substr(kFunctionPrefix.size()), &to);
  } else if (path.starts_with(kAsyncPrefix)) {
    to.kind = Destination::Kind::kAsync;
    SplitName(path.substr(kAsyncPrefix.size()), &to);
  }
  return to;
}

}  // namespace hearth::proxy
