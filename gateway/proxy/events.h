#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hearth::proxy {

// What goes other than a caller would wish. Each kind is one family of counters.
enum class EventKind : uint8_t {
  kRefusal,   // the gateway answered instead of a function
  kRetry,     // the request is about to be sent once more
  kEjection,  // a replica is passed over for a while
  kSpared,    // a replica was to be, but too many are already
  kReset,     // a connection ended with a request inside it
  kTimeout,   // a time limit of the gateway was reached
  kTls,       // a TLS handshake failed
};
inline constexpr size_t kEventKinds = 7;

// A counter of the data path: the closed list of reasons, from which metrics, documentation and
// tests are made. Exists so that no reason is given that nobody counts: a test looks for every
// literal of the sources here.
struct EventInfo {
  EventKind kind;
  std::string_view reason;
  std::string_view side = {};  // of a reset: who caused it
  std::string_view meaning = {};
};

// Reasons that are not in the list are counted as the kind's last one, "other".
inline constexpr auto kEvents = std::to_array<EventInfo>({
    {EventKind::kRefusal,
     "function_not_found",
     {},
     "no such function, or it was deleted meanwhile"},
    {EventKind::kRefusal, "not_found", {}, "there is nothing at this path"},
    {EventKind::kRefusal, "method_not_allowed", {}, "a health or start page, not with GET or HEAD"},
    {EventKind::kRefusal, "async_unavailable", {}, "`/async-function/…`"},
    {EventKind::kRefusal, "no_routes", {}, "no controller was reached yet"},
    {EventKind::kRefusal, "unauthorized", {}, "a private function, without credentials"},
    {EventKind::kRefusal, "forbidden", {}, "a private function, with credentials that do not do"},
    {EventKind::kRefusal, "unauthenticated", {}, "the management API, without credentials"},
    {EventKind::kRefusal, "no_credentials", {}, "the management API of a gateway that has none"},
    {EventKind::kRefusal, "no_controller", {}, "the management API while no controller is there"},
    {EventKind::kRefusal, "no_admin", {}, "`/system/v1/top` of a gateway without admin address"},
    {EventKind::kRefusal, "controller_unavailable", {}, "the controller could not be reached"},
    {EventKind::kRefusal, "controller_closed", {}, "the controller closed before it answered"},
    {EventKind::kRefusal, "body_too_large", {}, "the request's body is past its limit"},
    {EventKind::kRefusal, "slow_request", {}, "the request's head or body stopped coming"},
    {EventKind::kRefusal, "queue_full", {}, "the function's queue is at its bound"},
    {EventKind::kRefusal, "queue_timeout", {}, "no slot became free in time"},
    {EventKind::kRefusal, "overloaded", {}, "all queues together are at their bound"},
    {EventKind::kRefusal, "no_replica", {}, "no replica became ready in time"},
    {EventKind::kRefusal, "unavailable", {}, "no revision of the function can run"},
    {EventKind::kRefusal, "busy", {}, "the replica was full, and the body was not kept"},
    {EventKind::kRefusal, "connect_timeout", {}, "no replica took the connection in time"},
    {EventKind::kRefusal, "connect_refused", {}, "no replica listens"},
    {EventKind::kRefusal, "bad_address", {}, "a replica's address cannot be used"},
    {EventKind::kRefusal, "upstream_closed", {}, "the replica closed before it answered"},
    {EventKind::kRefusal, "bad_response", {}, "the replica's answer is not HTTP/1.1"},
    {EventKind::kRefusal, "timeout", {}, "no answer within the function's timeout"},
    {EventKind::kRefusal, "max_duration", {}, "longer than maxDuration"},
    {EventKind::kRefusal, "bad_request_line", {}, "not acceptable as HTTP/1.1"},
    {EventKind::kRefusal, "bad_method", {}, "likewise"},
    {EventKind::kRefusal, "bad_target", {}, "likewise"},
    {EventKind::kRefusal, "bad_version", {}, "likewise"},
    {EventKind::kRefusal, "bad_header_name", {}, "likewise"},
    {EventKind::kRefusal, "bad_header_value", {}, "likewise"},
    {EventKind::kRefusal, "obsolete_fold", {}, "likewise"},
    {EventKind::kRefusal, "bare_line_feed", {}, "likewise"},
    {EventKind::kRefusal, "bare_carriage_return", {}, "likewise"},
    {EventKind::kRefusal, "missing_host", {}, "likewise"},
    {EventKind::kRefusal, "multiple_hosts", {}, "likewise"},
    {EventKind::kRefusal, "bad_host", {}, "likewise"},
    {EventKind::kRefusal, "bad_content_length", {}, "likewise"},
    {EventKind::kRefusal, "duplicate_content_length", {}, "likewise"},
    {EventKind::kRefusal, "length_and_chunked", {}, "likewise"},
    {EventKind::kRefusal, "bad_transfer_encoding", {}, "likewise"},
    {EventKind::kRefusal, "transfer_encoding_in_http10", {}, "likewise"},
    {EventKind::kRefusal, "request_line_too_long", {}, "likewise"},
    {EventKind::kRefusal, "head_too_large", {}, "likewise"},
    {EventKind::kRefusal, "too_many_headers", {}, "likewise"},
    {EventKind::kRefusal, "bad_chunk_size", {}, "likewise"},
    {EventKind::kRefusal, "chunk_extension_too_long", {}, "likewise"},
    {EventKind::kRefusal, "bad_chunk_end", {}, "likewise"},
    {EventKind::kRefusal, "bad_trailer", {}, "likewise"},
    {EventKind::kRefusal, "trailer_too_large", {}, "likewise"},
    {EventKind::kRefusal, "unknown_expectation", {}, "`Expect` with more than `100-continue`"},
    {EventKind::kRefusal, "other", {}, "anything else"},

    {EventKind::kRetry, "connect_refused", {}, "the connection could not be made"},
    {EventKind::kRetry, "connect_timeout", {}, "the connection was not made in time"},
    {EventKind::kRetry, "bad_address", {}, "the replica's address cannot be used"},
    {EventKind::kRetry, "not_sent", {}, "the connection died before it took a byte"},
    {EventKind::kRetry, "upstream_closed", {}, "it died before a byte of the answer came"},
    {EventKind::kRetry, "busy", {}, "the watchdog was full and has not started it"},
    {EventKind::kRetry, "other", {}, "anything else"},

    {EventKind::kEjection, "connect_refused", {}, "nobody listens there"},
    {EventKind::kEjection, "connect_timeout", {}, "it did not take a connection in time"},
    {EventKind::kEjection, "bad_address", {}, "its address cannot be used"},
    {EventKind::kEjection, "closed_without_answer", {}, "it closed a new connection"},
    {EventKind::kEjection, "busy", {}, "it is full with other gateways' requests (5 ms)"},
    {EventKind::kEjection, "other", {}, "anything else"},

    {EventKind::kSpared, "connect_timeout", {}, "it did not take a connection in time"},
    {EventKind::kSpared, "closed_without_answer", {}, "it closed a new connection"},
    {EventKind::kSpared, "other", {}, "anything else"},

    {EventKind::kReset, "client_closed", "client", "the client left before the end"},
    {EventKind::kReset, "bad_request_body", "client", "broken chunks, after the answer had begun"},
    {EventKind::kReset, "body_too_large", "client", "past the limit, after the answer had begun"},
    {EventKind::kReset, "upstream_closed", "upstream", "an attempt ended before its answer"},
    {EventKind::kReset, "upstream_truncated", "upstream", "the answer broke off"},
    {EventKind::kReset, "upstream_reset", "upstream", "a tunnel broke off"},
    {EventKind::kReset, "bad_response", "upstream", "the answer's body is not framed as it says"},
    {EventKind::kReset, "stream_idle", "gateway", "silence inside an answer"},
    {EventKind::kReset, "tunnel_idle", "gateway", "silence inside a tunnel"},
    {EventKind::kReset, "going_away", "gateway", "a WebSocket that was told to go and stayed"},
    {EventKind::kReset, "max_duration", "gateway", "longer than maxDuration"},
    {EventKind::kReset, "shutdown", "gateway", "the gateway ended"},
    {EventKind::kReset, "other", "gateway", "anything else"},

    {EventKind::kTimeout, "idle", {}, "a client's connection without a request"},
    {EventKind::kTimeout, "request_head", {}, "a request's head did not come"},
    {EventKind::kTimeout, "request_body", {}, "a request's body stopped coming"},
    {EventKind::kTimeout, "queue", {}, "no slot became free"},
    {EventKind::kTimeout, "cold_start", {}, "no replica became ready"},
    {EventKind::kTimeout, "connect", {}, "a replica did not take a connection"},
    {EventKind::kTimeout, "response_head", {}, "the function's timeout"},
    {EventKind::kTimeout, "stream_idle", {}, "silence inside an answer"},
    {EventKind::kTimeout, "tunnel_idle", {}, "silence inside a tunnel"},
    {EventKind::kTimeout, "tunnel_close", {}, "a WebSocket stayed after its close frame"},
    {EventKind::kTimeout, "max_duration", {}, "the function's maxDuration"},
    {EventKind::kTimeout, "flush", {}, "a client did not take the end of its answer"},
    {EventKind::kTimeout, "linger", {}, "a client went on sending after it was answered"},
    {EventKind::kTimeout, "other", {}, "anything else"},

    {EventKind::kTls, "plain_http", {}, "a request without TLS came to the port of TLS"},
    {EventKind::kTls, "not_tls", {}, "neither TLS nor HTTP"},
    {EventKind::kTls, "closed", {}, "the client left before the handshake's end"},
    {EventKind::kTls, "timeout", {}, "no handshake within 10 s"},
    {EventKind::kTls, "version", {}, "the client has neither TLS 1.2 nor 1.3"},
    {EventKind::kTls, "cipher", {}, "client and gateway share no cipher or group"},
    {EventKind::kTls, "application_protocol", {}, "they share no protocol (ALPN)"},
    {EventKind::kTls, "no_client_certificate", {}, "one is asked for by `--tls-client-ca`"},
    {EventKind::kTls, "client_certificate", {}, "it is not of that CA, or has expired"},
    {EventKind::kTls, "refused_by_client", {}, "it sent an alert; mostly it does not trust ours"},
    {EventKind::kTls, "protocol", {}, "broken messages"},
    {EventKind::kTls, "crowded_out", {}, "others waited for its place, and it took too long"},
    {EventKind::kTls, "too_many", {}, "more connections than may wait for a handshake"},
    {EventKind::kTls, "other", {}, "anything else"},
});

// The row of kEvents. A search of the list: none of this is a warm request's business.
constexpr size_t EventIndex(EventKind kind, std::string_view reason) {
  size_t last = 0;
  for (size_t i = 0; i < kEvents.size(); ++i) {
    if (kEvents[i].kind != kind) continue;
    last = i;
    if (kEvents[i].reason == reason) return i;
  }
  return last;
}

}  // namespace hearth::proxy
