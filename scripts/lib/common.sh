# Shared by the scripts beside this folder. Source it; it does nothing by itself.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
JOBS=${HEARTH_JOBS:-$(nproc)}
# Objects are shared between checkouts: paths inside this one do not count.
export CCACHE_BASEDIR="$ROOT" CCACHE_NOHASHDIR=1

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# What building and running needs. Node and Go are taken as they are where a newer one is installed.
BUILD_PACKAGES=(build-essential g++ cmake ninja-build ccache lld pkg-config git ca-certificates
  protobuf-compiler protobuf-compiler-grpc libgrpc++-dev libprotobuf-dev libcpprest-dev
  libyaml-cpp-dev prometheus-cpp-dev libabsl-dev libboost-dev libssl-dev libsqlite3-dev
  nlohmann-json3-dev libarchive-dev zlib1g-dev libnghttp2-dev)
RUN_PACKAGES=(bubblewrap nftables iproute2 slirp4netns skopeo umoci python3 python3-pip curl jq
  procps)
TEST_PACKAGES=(catch2 librapidcheck-dev libhttp-parser-dev clang-14 libclang-rt-14-dev
  python3-pytest python3-yaml nghttp2-client buildah autoconf automake libtool file strace)
BENCH_PACKAGES=(nginx-light haproxy wrk)

# install_packages NAME...: only what is missing, so that a second run costs a moment.
install_packages() {
  local missing=()
  local name
  for name in "$@"; do
    dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "packages are missing and this user cannot install them; as root: apt-get install ${missing[*]}"
    sudo=(sudo)
  fi
  local log
  log=$(mktemp)
  if ! { "${sudo[@]}" apt-get update -q &&
         "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
           -o DPkg::Lock::Timeout=300 "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "installing packages failed; the whole output is in $log"
  fi
  rm -f "$log"
}

# Language toolchains of the example functions; a newer one that is already there is kept.
install_languages() {
  local wanted=()
  command -v node >/dev/null || wanted+=(nodejs)
  command -v npm >/dev/null || wanted+=(npm)
  command -v go >/dev/null || [ -x /usr/local/go/bin/go ] || wanted+=(golang-go)
  [ ${#wanted[@]} -eq 0 ] || install_packages "${wanted[@]}"
  command -v go >/dev/null || export PATH="$PATH:/usr/local/go/bin"
}

# build PRESET [TARGET...]: configures once, builds what changed.
build() {
  local preset=$1
  shift
  local dir="$ROOT/build/$preset"
  if [ ! -f "$dir/build.ninja" ]; then
    (cd "$ROOT" && cmake --preset "$preset" ${HEARTH_CMAKE_FLAGS:-}) >"/tmp/hearth-cmake-$preset-$$.log" 2>&1 ||
      { cat "/tmp/hearth-cmake-$preset-$$.log" >&2; die "configuring the $preset build failed"; }
    rm -f "/tmp/hearth-cmake-$preset-$$.log"
  fi
  ninja -C "$dir" -j "$JOBS" "$@"
}
