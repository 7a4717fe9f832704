#include "core/model/function.h"

#include <array>
#include <utility>

#include "core/model/replica.h"

namespace hearth::model {
namespace {

constexpr std::array<std::pair<Mode, std::string_view>, 5> kModes = {{
    {Mode::kNative, "native"},
    {Mode::kHttp, "http"},
    {Mode::kStreaming, "streaming"},
    {Mode::kSerializing, "serializing"},
    {Mode::kStatic, "static"},
}};

}  // namespace

std::string_view ToString(Mode mode) {
  for (const auto& [value, name] : kModes) {
    if (value == mode) return name;
  }
  return "native";
}

std::optional<Mode> ParseMode(std::string_view text) {
  for (const auto& [value, name] : kModes) {
    if (name == text) return value;
  }
  return std::nullopt;
}

std::string_view ToString(EventFormat format) {
  return format == EventFormat::kRaw ? "raw" : "http";
}

std::string_view ToString(Protocol protocol) {
  return protocol == Protocol::kH2c ? "h2c" : "http1";
}

std::string_view ToString(Visibility visibility) {
  return visibility == Visibility::kPrivate ? "private" : "public";
}

std::string_view ToString(ReplicaState state) {
  switch (state) {
    case ReplicaState::kStarting:
      return "starting";
    case ReplicaState::kReady:
      return "ready";
    case ReplicaState::kDraining:
      return "draining";
    case ReplicaState::kFailed:
      return "failed";
    case ReplicaState::kGone:
      return "gone";
  }
  return "gone";
}

}  // namespace hearth::model
