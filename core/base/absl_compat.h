#pragma once

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include <string>
#include <string_view>

// Debian's Abseil has its own string_view type, which does not convert to or from the standard one.
// std::string_view is the currency of this project; these are the only exchange offices.
namespace hearth {

inline absl::string_view A(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view S(absl::string_view s) { return {s.data(), s.size()}; }

inline absl::Status InvalidArgument(std::string_view m) { return absl::InvalidArgumentError(A(m)); }
inline absl::Status NotFound(std::string_view m) { return absl::NotFoundError(A(m)); }
inline absl::Status AlreadyExists(std::string_view m) { return absl::AlreadyExistsError(A(m)); }
inline absl::Status FailedPrecondition(std::string_view m) {
  return absl::FailedPreconditionError(A(m));
}
inline absl::Status Unavailable(std::string_view m) { return absl::UnavailableError(A(m)); }
inline absl::Status Internal(std::string_view m) { return absl::InternalError(A(m)); }
inline absl::Status ResourceExhausted(std::string_view m) {
  return absl::ResourceExhaustedError(A(m));
}
inline absl::Status DeadlineExceeded(std::string_view m) {
  return absl::DeadlineExceededError(A(m));
}
inline absl::Status Unauthenticated(std::string_view m) { return absl::UnauthenticatedError(A(m)); }
inline absl::Status PermissionDenied(std::string_view m) {
  return absl::PermissionDeniedError(A(m));
}
inline absl::Status Unimplemented(std::string_view m) { return absl::UnimplementedError(A(m)); }

inline std::string_view Message(const absl::Status& s) { return S(s.message()); }

}  // namespace hearth
