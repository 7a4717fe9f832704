#include "core/model/revision.h"

#include <catch2/catch.hpp>

#include "core/model/digest.h"

namespace hearth::model {
namespace {

FunctionSpec Example() {
  FunctionSpec spec;
  spec.runtime = "python3";
  spec.handler = "handler.handler";
  spec.source.inline_code = "def handler(e, c):\n    return 1\n";
  spec.environment = {{"A", "1"}, {"B", "two\nlines"}};
  spec.secrets = {"key"};
  spec.limits.memory = "256Mi";
  return spec;
}

// These ids are in stores and on running replicas: a release that changes them rolls every
// function.
TEST_CASE("revision ids do not change between releases") {
  CHECK(RevisionOf(FunctionSpec{}, {}).value() == "r-211025256ba2bb90");
  CHECK(RevisionOf(Example(), {{"key", "v1"}}).value() == "r-ca40a6601c9a2306");
  CHECK(CanonicalRevisionText(Example(), {{"key", "v1"}}) ==
        "hearth-revision 1\n"
        "runtime 7:python3\n"
        "handler 15:handler.handler\n"
        "source.inline 32:def handler(e, c):\n    return 1\n\n"
        "mode 6:native\n"
        "environment key 1:A\nenvironment value 1:1\n"
        "environment key 1:B\nenvironment value 9:two\nlines\n"
        "secret 3:key\nsecret.version 2:v1\n"
        "limits.memory 5:256Mi\n");
}

TEST_CASE("what is inside a replica makes a revision") {
  const RevisionId before = RevisionOf(Example(), {{"key", "v1"}});
  const auto changed = [&](auto change) {
    FunctionSpec spec = Example();
    change(spec);
    return RevisionOf(spec, {{"key", "v1"}}) != before;
  };
  CHECK(changed([](FunctionSpec& s) { s.handler = "other.handler"; }));
  CHECK(changed([](FunctionSpec& s) { s.protocol = Protocol::kH2c; }));
  CHECK(changed([](FunctionSpec& s) { s.environment["C"] = ""; }));
  CHECK(changed([](FunctionSpec& s) { s.source.inline_code += " "; }));
  CHECK(changed([](FunctionSpec& s) { s.command = {"x"}; }));
  CHECK(changed([](FunctionSpec& s) { s.timeout += std::chrono::seconds(1); }));
  CHECK(changed([](FunctionSpec& s) { s.limits.cpu = "1"; }));
  CHECK(changed([](FunctionSpec& s) { s.mode = Mode::kHttp; }));
  CHECK(changed([](FunctionSpec& s) { s.event = EventFormat::kRaw; }));
  CHECK(changed([](FunctionSpec& s) { s.health.path = "/x"; }));
  CHECK(RevisionOf(Example(), {{"key", "v2"}}) != before);

  CHECK_FALSE(changed([](FunctionSpec& s) { s.labels["x"] = "y"; }));
  CHECK_FALSE(changed([](FunctionSpec& s) { s.annotations["x"] = "y"; }));
  CHECK_FALSE(changed([](FunctionSpec& s) { s.scaling.max = 3; }));
  CHECK_FALSE(changed([](FunctionSpec& s) { s.replicas = 3; }));
  CHECK_FALSE(changed([](FunctionSpec& s) { s.queue.max_requests = 3; }));
  CHECK_FALSE(changed([](FunctionSpec& s) { s.visibility = Visibility::kPrivate; }));
}

TEST_CASE("neighbouring values cannot be mistaken for one another") {
  FunctionSpec a, b;
  a.command = {"ab", "c"};
  b.command = {"a", "bc"};
  CHECK(RevisionOf(a, {}) != RevisionOf(b, {}));
  a.command = {"x\ncommand 1:y"};
  b.command = {"x", "y"};
  CHECK(RevisionOf(a, {}) != RevisionOf(b, {}));
}

TEST_CASE("SHA-256 in pieces") {
  CHECK(Sha256Hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 hash;
  hash.Update("ab");
  hash.Update("c");
  CHECK(hash.Hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(IsDigest("sha256:" + Sha256Hex("x")));
  CHECK_FALSE(IsDigest(Sha256Hex("x")));
  CHECK_FALSE(IsDigest("sha256:" + std::string(64, 'A')));
  CHECK_FALSE(IsDigest("sha256:"));
}

}  // namespace
}  // namespace hearth::model
