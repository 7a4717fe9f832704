#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/h2/field_block.h"
#include "core/http/message.h"

// Message heads between HTTP/2 fields and HTTP/1.1 text. Pure. What HTTP/1.1 could read in another
// way than HTTP/2 means it is refused here, not passed on (RFC 9113 §8.2, §8.3, §10.3): everything
// behind works on the text alone.
namespace hearth::h2 {

// Why a header block is no message that may be passed on.
enum class Refusal : uint8_t {
  kNone,
  kBadMethod,
  kConnect,  // tunnels are not offered
  kBadPath,
  kBadAuthority,
  kHostMismatch,  // Host says another thing than :authority
  kBadField,
  kBadContentLength,
  kBadStatus,
  kTooLarge,
};
int StatusFor(Refusal refusal);            // 400, 431 or 501
std::string_view NameOf(Refusal refusal);  // "bad_path"

// How the text's receiver knows the end of the body.
enum class Framing : uint8_t { kNone, kLength, kChunked };

// The head of a request as text, the empty line included. `ended`: no body follows. The connection
// it is written to serves one request, which the text says.
Refusal WriteRequest(const FieldBlock& block, bool ended, std::string* text, Framing* framing);

// The head of a response, interim ones included. `method`: of its request.
Refusal WriteResponse(const FieldBlock& block, bool ended, std::string_view method,
                      std::string* text, Framing* framing);

// Trailer lines, "Name: value\r\n" each. What may not come after a body is left out.
Refusal WriteTrailer(const FieldBlock& block, std::string* text);

// The other way. Fields of the text's connection are left out.
void ToFields(const http::ResponseHead& head, FieldBlock* block);
void ToFields(const http::RequestHead& head, FieldBlock* block);
void TrailerToFields(std::string_view lines, FieldBlock* block);

}  // namespace hearth::h2
