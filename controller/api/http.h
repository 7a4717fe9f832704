#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace hearth::controller {

// One request and its answer, free of any HTTP library, so that handlers can be tested as
// functions.
struct ApiRequest {
  std::string method;
  std::string path;  // percent-decoded
  std::map<std::string, std::string> query;
  std::string body;
};

struct ApiResponse {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace hearth::controller
