#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/h2/field_block.h"

// gRPC over HTTP/2, as far as a gateway has to know it. Pure.
namespace hearth::proxy {

// application/grpc, with any message format; not gRPC-Web, which frames its answers itself.
bool IsGrpc(std::string_view content_type);

// "500m", "10S" → milliseconds, at least one; nullopt: not as the protocol says.
std::optional<uint64_t> GrpcTimeoutMs(std::string_view text);

// Prepares a gRPC request for the router: the function that its metadata names goes to the front of
// the path, the caller's deadline becomes the platform's. False: not gRPC, nothing was changed.
bool PrepareGrpc(h2::FieldBlock* request);

// Turns an error of the platform, a status with a JSON body, into what gRPC clients understand: a
// head alone with grpc-status and grpc-message. What else the head says stays.
void ToGrpcError(h2::FieldBlock* head, std::string_view body);

int GrpcStatusFor(int http_status);

// The text of "error" in the JSON body of a platform error; empty where there is none.
std::string ErrorMessageOf(std::string_view body);

}  // namespace hearth::proxy
