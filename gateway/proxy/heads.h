#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/http/message.h"
#include "core/http/writer.h"

namespace hearth::proxy {

using HeaderPair = std::pair<std::string, std::string>;

// What the gateway adds to or changes in a request before it goes to a replica.
struct UpstreamHead {
  std::string_view path = {};       // without the query
  std::string_view query = {};      // without "?"
  std::string_view stamp = {};      // CallStamp::lines
  std::string_view client_ip = {};  // "" for a Unix socket
  std::string_view default_host = {};
  bool encrypted = false;                    // the client came by TLS
  bool upgrade = false;                      // pass Upgrade on
  std::span<const HeaderPair> replace = {};  // instead of the client's; an empty value: none
};

// Writes the request head for the replica up to, but without, the fields of one attempt and the
// empty line. Drops what belongs to the client's connection, what Connection names, and fields that
// only the platform may set; frames the body anew from request.body.
void WriteUpstreamHead(const http::RequestHead& request, const UpstreamHead& with,
                       http::HeadBuffer* out);

// How the answer reaches the client.
struct ClientHead {
  std::string_view stamp = {};                  // CallStamp::lines
  std::string_view served_by_line = {};         // "X-Served-By: …" with CR LF
  std::string_view timing = {};                 // likewise, or nothing
  http::BodyKind body = http::BodyKind::kNone;  // framing towards the client
  bool keep_alive = true;
  bool http10 = false;          // the client's version
  bool no_body_method = false;  // HEAD: the replica's Content-Length stays although no body comes
};

// Writes the response head for the client, complete.
void WriteClientHead(const http::ResponseHead& response, const ClientHead& with,
                     http::HeadBuffer* out);

// A 1xx response, passed on as it is without its connection's fields.
void WriteInterimHead(const http::ResponseHead& response, http::HeadBuffer* out);

// RFC 9110 §9.2.2: a second delivery has the effect of one.
bool IsIdempotent(std::string_view method);

}  // namespace hearth::proxy
