#include "tests/fakes/test_peer.h"

#include <cstdio>
#include <cstdlib>

#include "core/base/absl_compat.h"

namespace hearth::fakes {
namespace {

net::Address MustParse(std::string_view text) {
  auto address = net::Address::Parse(text);
  if (!address.ok()) {
    std::fprintf(stderr, "%s\n", address.status().ToString().c_str());
    std::abort();
  }
  return *std::move(address);
}

}  // namespace

TestPeer::TestPeer(net::Loop& loop, std::string_view address) {
  connect_ = loop.Connect(MustParse(address), std::chrono::seconds(10),
                          [this](absl::StatusOr<std::unique_ptr<net::Stream>> stream) {
                            if (stream.ok()) {
                              Attach(*std::move(stream));
                            } else {
                              refused_ = true;
                              if (on_change) on_change(*this);
                            }
                          });
}

TestPeer::TestPeer(std::unique_ptr<net::Stream> stream) { Attach(std::move(stream)); }

TestPeer::~TestPeer() {
  if (stream_ != nullptr) stream_->SetHandler(nullptr);
}

void TestPeer::Attach(std::unique_ptr<net::Stream> stream) {
  stream_ = std::move(stream);
  stream_->SetHandler(this);
  Flush();
}

void TestPeer::Send(std::string_view bytes) {
  outgoing_.append(bytes);
  Flush();
}

void TestPeer::FinishSending() {
  finish_ = true;
  Flush();
}

void TestPeer::Close() {
  stream_.reset();
  outgoing_.clear();
}

void TestPeer::Abort() {
  if (stream_ != nullptr) stream_->Abort();
  Close();
}

void TestPeer::Resume() {
  paused_ = false;
  OnReadable();
}

void TestPeer::Flush() {
  while (stream_ != nullptr && !outgoing_.empty()) {
    const net::IoResult result = net::WriteAllOf(*stream_, outgoing_);
    if (result.status == net::IoStatus::kReset) {
      reset_ = true;
      outgoing_.clear();
      return;
    }
    outgoing_.erase(0, result.bytes);
    if (!outgoing_.empty()) return;  // OnWritable goes on
  }
  if (stream_ != nullptr && finish_ && outgoing_.empty()) stream_->ShutdownWrite();
}

void TestPeer::OnReadable() {
  if (stream_ == nullptr) return;
  char buffer[16 * 1024];
  while (!paused_ && !eof_ && !reset_ && stream_ != nullptr) {
    const net::IoResult result = stream_->Read(buffer);
    if (result.status == net::IoStatus::kWouldBlock) break;
    if (result.status == net::IoStatus::kEof) eof_ = true;
    if (result.status == net::IoStatus::kReset) reset_ = true;
    received_.append(buffer, result.bytes);
  }
  if (on_change) on_change(*this);
}

TestServer::TestServer(net::Loop& loop, std::string_view address) {
  auto listener = loop.Listen(MustParse(address), {}, [this](std::unique_ptr<net::Stream> stream) {
    peers_.push_back(std::make_unique<TestPeer>(std::move(stream)));
    peers_.back()->on_change = on_change;
  });
  if (!listener.ok()) {
    std::fprintf(stderr, "%s\n", listener.status().ToString().c_str());
    std::abort();
  }
  listener_ = *std::move(listener);
}

}  // namespace hearth::fakes
