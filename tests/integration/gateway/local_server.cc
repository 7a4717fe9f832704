#include "tests/integration/gateway/local_server.h"

#include <catch2/catch.hpp>

namespace hearth {

LocalServer::LocalServer(net::HttpServer::Handler handler)
    : loop_(net::NewEpollLoop(clock_)),
      server_(
          std::make_unique<net::HttpServer>(*loop_, net::HttpServerOptions{}, std::move(handler))) {
  REQUIRE(server_->Listen(*net::Address::Parse("127.0.0.1:0")).ok());
  address_ = server_->address().Text();
  thread_ = std::thread([this] { loop_->Run(); });
}

LocalServer::~LocalServer() {
  loop_->Stop();
  thread_.join();
  server_.reset();
}

}  // namespace hearth
