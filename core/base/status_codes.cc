#include "core/base/status_codes.h"

#include <array>

namespace hearth {
namespace {

struct Row {
  absl::StatusCode code;
  int http;
  std::string_view reason;
};
// The first row of a status is the one that is taken back to a code.
constexpr std::array<Row, 17> kTable{{
    {absl::StatusCode::kOk, 200, "ok"},
    {absl::StatusCode::kInvalidArgument, 400, "invalid_argument"},
    {absl::StatusCode::kOutOfRange, 400, "out_of_range"},
    {absl::StatusCode::kUnauthenticated, 401, "unauthenticated"},
    {absl::StatusCode::kPermissionDenied, 403, "permission_denied"},
    {absl::StatusCode::kNotFound, 404, "not_found"},
    {absl::StatusCode::kAlreadyExists, 409, "already_exists"},
    {absl::StatusCode::kAborted, 409, "aborted"},
    {absl::StatusCode::kFailedPrecondition, 412, "failed_precondition"},
    {absl::StatusCode::kResourceExhausted, 429, "resource_exhausted"},
    {absl::StatusCode::kCancelled, 499, "cancelled"},
    {absl::StatusCode::kInternal, 500, "internal"},
    {absl::StatusCode::kUnknown, 500, "unknown"},
    {absl::StatusCode::kDataLoss, 500, "data_loss"},
    {absl::StatusCode::kUnimplemented, 501, "unimplemented"},
    {absl::StatusCode::kUnavailable, 503, "unavailable"},
    {absl::StatusCode::kDeadlineExceeded, 504, "deadline_exceeded"},
}};

}  // namespace

int HttpStatusOf(absl::StatusCode code) {
  for (const Row& row : kTable) {
    if (row.code == code) return row.http;
  }
  return 500;
}

absl::StatusCode StatusCodeOf(int http_status) {
  for (const Row& row : kTable) {
    if (row.http == http_status) return row.code;
  }
  if (http_status == 413 || http_status == 507) return absl::StatusCode::kResourceExhausted;
  if (http_status == 408) return absl::StatusCode::kDeadlineExceeded;
  if (http_status == 502) return absl::StatusCode::kUnavailable;
  if (http_status >= 200 && http_status < 400) return absl::StatusCode::kOk;
  if (http_status >= 400 && http_status < 500) return absl::StatusCode::kInvalidArgument;
  return http_status >= 500 ? absl::StatusCode::kInternal : absl::StatusCode::kUnknown;
}

std::string_view ReasonOf(absl::StatusCode code) {
  for (const Row& row : kTable) {
    if (row.code == code) return row.reason;
  }
  return "unknown";
}

}  // namespace hearth
