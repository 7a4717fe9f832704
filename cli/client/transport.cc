#include "cli/client/transport.h"

#include "cli/client/net_transport.h"
#include "cli/client/rest_transport.h"
#include "core/base/strings.h"

namespace hearth::cli {

std::string_view HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualsIgnoreAsciiCase(key, name)) return value;
  }
  return "";
}

std::unique_ptr<Transport> NewTransport(Certificates certificates) {
  return NewNetTransport(NewRestTransport(std::move(certificates)));
}

}  // namespace hearth::cli
