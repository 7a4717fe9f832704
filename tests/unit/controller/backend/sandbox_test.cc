#include "controller/backend/local/sandbox.h"

#include <catch2/catch.hpp>

#include <algorithm>

namespace hearth::controller {
namespace {

bool Has(const std::vector<std::string>& args, const std::vector<std::string>& run) {
  return std::search(args.begin(), args.end(), run.begin(), run.end()) != args.end();
}

SandboxPlan Plan() {
  SandboxPlan plan;
  plan.root = "/base";
  plan.watchdog = "/bin/wd";
  plan.tmp_bytes = 1000;
  plan.env = {{"A", "x y"}};
  plan.command = {"/var/task/run", "--flag"};
  return plan;
}

TEST_CASE("the sandbox of a runtime function") {
  SandboxPlan plan = Plan();
  plan.code = "/bundles/1";
  plan.shim = "/runtimes/x/shim";
  plan.secrets = "/run/s";
  plan.gateway_dir = "/run/fn";
  const auto args = BwrapArguments(plan);
  CHECK(Has(args, {"--unshare-pid"}));
  CHECK(Has(args, {"--unshare-ipc"}));
  CHECK(Has(args, {"--unshare-uts"}));
  CHECK(Has(args, {"--unshare-net"}));
  CHECK(Has(args, {"--as-pid-1"}));
  CHECK_FALSE(Has(args, {"--die-with-parent"}));
  CHECK(Has(args, {"--ro-bind", "/base", "/"}));
  CHECK(Has(args, {"--ro-bind", "/usr", "/usr"}));
  CHECK(Has(args, {"--perms", "1777", "--size", "1000", "--tmpfs", "/tmp"}));
  CHECK(Has(args, {"--ro-bind", "/bundles/1", "/var/task"}));
  CHECK(Has(args, {"--ro-bind", "/runtimes/x/shim", "/var/runtime"}));
  CHECK(Has(args, {"--ro-bind", "/run/s", "/var/openfaas/secrets"}));
  CHECK(Has(args, {"--ro-bind", "/run/fn", "/.hearth/gateway"}));
  CHECK(Has(args, {"--setenv", "A", "x y"}));
  CHECK(SandboxedCommand(plan) ==
        std::vector<std::string>{"--", "/.hearth/watchdog", "--", "/var/task/run", "--flag"});
}

TEST_CASE("capabilities and users") {
  SandboxPlan plan = Plan();
  auto args = BwrapArguments(plan);
  CHECK(Has(args, {"--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID",
                   "--cap-add", "CAP_KILL"}));
  CHECK(std::count(args.begin(), args.end(), "--cap-add") == 3);
  CHECK(Has(args, {"--proc", "/proc", "--dev", "/dev", "--ro-bind-try", "/proc/sys", "/proc/sys"}));
  plan.user_namespace = true;
  plan.uid = 1000;
  plan.gid = 100;
  args = BwrapArguments(plan);
  CHECK(Has(args, {"--unshare-user"}));
  CHECK(Has(args, {"--uid", "1000", "--gid", "100"}));
  CHECK(std::count(args.begin(), args.end(), "--cap-add") == 0);
}

TEST_CASE("a prepared network is kept, an image brings its own /usr") {
  SandboxPlan plan = Plan();
  plan.share_network = true;
  plan.root_is_image = true;
  plan.read_only_root = false;
  plan.secrets = "/run/s";
  const auto args = BwrapArguments(plan);
  CHECK_FALSE(Has(args, {"--unshare-net"}));
  CHECK_FALSE(Has(args, {"/usr"}));
  CHECK(Has(args, {"--bind", "/base", "/"}));
  CHECK(Has(args, {"--ro-bind", "/run/s", "/run/secrets"}));
}

TEST_CASE("arguments for --args end with a NUL each") {
  CHECK(NulSeparated({"a", "b c"}) == std::string("a\0b c\0", 6));
}

TEST_CASE("resolv.conf without servers that a sandbox cannot reach") {
  CHECK(ResolvConf("nameserver 127.0.0.53\nsearch lan\n", "nameserver 10.0.0.1\n") ==
        "nameserver 10.0.0.1\n");
  CHECK(ResolvConf("# x\nnameserver 10.0.0.2\nnameserver 127.0.0.1\noptions edns0\n", "") ==
        "nameserver 10.0.0.2\noptions edns0\n");
  CHECK(ResolvConf("nameserver 127.0.0.53\n", "nameserver 127.0.0.53\n").empty());
}

}  // namespace
}  // namespace hearth::controller
