#include <catch2/catch.hpp>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "backend_fixture.h"
#include "core/base/absl_compat.h"
#include "core/base/install.h"
#include "core/base/strings.h"

namespace hearth::controller {
namespace {

using model::ReplicaState;

// Makes images from nothing but the static probe.
struct Images : BackendFixture {
  Images() {
    const auto path = FindSibling("backend_image_probe");
    REQUIRE(path.ok());
    layout = folder() + "/layout";
    Run_(Cat("umoci init --layout ", layout));
    Run_(Cat("mkdir -p ", folder(), "/tree/srv ", folder(), "/tree/etc && cp ", *path, " ",
             folder(), "/tree/server && printf 'app:x:1234:1235::/:/x\\n' > ", folder(),
             "/tree/etc/passwd && printf hello > ", folder(), "/tree/srv/file && chmod 777 ",
             folder(), "/tree/srv"));
    // Under a sanitizer neither the probe nor the watchdog is static: the image gets what they
    // load.
    const auto watchdog = FindSibling("hearth-watchdog");
    REQUIRE(watchdog.ok());
    Run_(Cat("for f in $(ldd ", *path, " ", *watchdog,
             " | grep -o '/[^ ):]*so[^ ):]*' | sort -u); do cp -L --parents $f ", folder(),
             "/tree/ || exit 1; done"));
    Tag("plain", "--config.entrypoint /server --config.env GREETING=hi --config.workingdir /srv");
    REQUIRE(Start().ok());
  }
  static void Run_(const std::string& command) {
    INFO(command);
    REQUIRE(system((command + " >/dev/null 2>&1").c_str()) == 0);
  }
  void Tag(const std::string& tag, const std::string& config) {
    const std::string image = Cat(layout, ":", tag);
    Run_(Cat("umoci new --image ", image));
    Run_(Cat("umoci insert --image ", image, " ", folder(), "/tree/ /"));
    Run_(Cat("umoci config --image ", image, " ", config));
  }
  model::FunctionSpec Spec(const std::string& tag) {
    model::FunctionSpec spec;
    spec.image = Cat("oci:", layout, ":", tag);
    spec.mode = model::Mode::kHttp;
    spec.concurrency = 0;
    return spec;
  }
  std::string layout;
};

TEST_CASE_METHOD(Images, "an image runs with its entry point, environment and folder") {
  REQUIRE(backend().Check({"default", "fn"}, Spec("plain")).ok());
  const ReplicaId id = Run(Spec("plain"));
  CHECK(Get(id, "/env/GREETING").body == "hi");
  CHECK(Get(id, "/cwd/").body == "/srv");
  CHECK(Get(id, "/read/srv/file").body == "hello");
  CHECK(Get(id, "/read/etc/shadow").body.find("error") == 0);
  CHECK(Get(id, "/read/usr/bin/env").body.find("error") == 0);
  CHECK(Get(id, "/write/srv/new").body == "written");
  CHECK(Get(id, "/read/srv/new").body == "written");
  CHECK(Get(id, "/write/tmp/x").body == "written");
}

TEST_CASE_METHOD(Images, "replicas of an image share it and not what they write") {
  const ReplicaId a = Run(Spec("plain"));
  const ReplicaId b = Run(Spec("plain"));
  CHECK(Get(a, "/write/srv/mine").body == "written");
  CHECK(Get(b, "/read/srv/mine").body.find("error") == 0);
  CHECK(Get(b, "/write/srv/file").body == "written");
  CHECK(Get(a, "/read/srv/file").body == "hello");
}

TEST_CASE_METHOD(Images, "a read-only root") {
  model::FunctionSpec spec = Spec("plain");
  spec.read_only_root_filesystem = true;
  const ReplicaId id = Run(spec);
  CHECK(Get(id, "/write/srv/new").body.find("Read-only") != std::string::npos);
  CHECK(Get(id, "/write/tmp/x").body == "written");
}

TEST_CASE_METHOD(Images, "an image's user") {
  Tag("user", "--config.entrypoint /server --config.user app");
  const ReplicaId id = Run(Spec("user"));
  CHECK(Get(id, "/uid/").body == "1234:1235");
}

TEST_CASE_METHOD(Images, "a command takes the place of the entry point; root's get low ports") {
  const uint16_t port = geteuid() == 0 ? 80 : 8000;
  model::FunctionSpec spec = Spec("plain");
  spec.command = {"/server", Cat(port)};
  spec.port = port;
  const ReplicaId id = Run(spec);
  CHECK(Get(id, "/cwd/").body == "/srv");
}

TEST_CASE_METHOD(Images, "an image made for OpenFaaS runs under our watchdog") {
  Tag("openfaas",
      "--config.entrypoint /usr/bin/fwatchdog --config.env fprocess='/server 5000' "
      "--config.env mode=http --config.env upstream_url=http://127.0.0.1:5000");
  const ReplicaId id = Run(Spec("openfaas"));
  CHECK(Get(id, "/read/srv/file").body == "hello");
}

TEST_CASE_METHOD(Images, "a docker archive, and secrets inside an image") {
  const std::string archive = folder() + "/image.tar";
  Run_(Cat("skopeo --insecure-policy copy oci:", layout, ":plain docker-archive:", archive,
           ":probe:1"));
  REQUIRE(secrets().Create("default", "key", "value").ok());
  model::FunctionSpec spec = Spec("plain");
  spec.image = "docker-archive:" + archive;
  spec.secrets = {"key"};
  REQUIRE(backend().Check({"default", "fn"}, spec).ok());
  const ReplicaId id = Run(spec);
  CHECK(Get(id, "/read/var/openfaas/secrets/key").body == "value");
  CHECK(Get(id, "/read/run/secrets/key").body == "value");
}

TEST_CASE_METHOD(Images, "images that cannot be had") {
  const FunctionKey key{"default", "fn"};
  model::FunctionSpec spec = Spec("missing");
  absl::Status status = backend().Check(key, spec);
  CHECK(status.code() == absl::StatusCode::kNotFound);
  CHECK(Message(status).find("plain") != std::string_view::npos);
  spec.image = "docker-archive:/nonexistent.tar";
  CHECK_FALSE(backend().Check(key, spec).ok());
  spec.image = "docker://127.0.0.1:1/nothing:1";
  const ReplicaEvent failed = WaitFor(Create(spec), ReplicaState::kFailed, 60);
  CHECK(failed.replica.reason.find("spec.image: reading the image failed") == 0);
}

}  // namespace
}  // namespace hearth::controller
