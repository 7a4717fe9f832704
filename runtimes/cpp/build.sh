#!/bin/bash
# build.sh SOURCE OUTPUT: builds a C++ function into OUTPUT/bootstrap, with the user's CMakeLists.txt or the default
# one, in Release. Files that are no source are copied beside it.
set -euo pipefail

runtime_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=$(cd "$1" && pwd)
mkdir -p "$2"
output=$(cd "$2" && pwd)

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

command -v cmake >/dev/null || fail "cmake is missing; install the Debian package cmake"
command -v "${CXX:-c++}" >/dev/null || fail "there is no C++ compiler; install the Debian package g++"
if command -v ninja >/dev/null; then
  generator=Ninja
elif command -v make >/dev/null; then
  generator="Unix Makefiles"
else
  fail "neither ninja nor make is there; install the Debian package ninja-build or make"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A copy under a fixed name: paths that end in the binary are the same for every run.
mkdir "$work/source"
tar -C "$source_dir" --exclude-vcs --exclude=./.hearth --exclude=./build --exclude=./bootstrap -cf - . |
  tar -C "$work/source" --no-same-owner -xf -
project="$work/source"
link_flags="-static-libstdc++ -static-libgcc"
if [ ! -f "$project/CMakeLists.txt" ]; then
  project="$work/default"
  mkdir "$project"
  cp "$runtime_dir/default/CMakeLists.txt" "$project/"
  link_flags=""
fi

run() {
  "$@" >"$work/log" 2>&1 || {
    sed "s|$work/source/||g" "$work/log" >&2
    fail "the source does not build (the compiler's output is above)"
  }
}

run cmake -S "$project" -B "$work/build" -G "$generator" \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$runtime_dir/shim/cmake;${CMAKE_PREFIX_PATH:-}" \
  -Dhearth_DIR="$runtime_dir/shim/cmake" -DFUNCTION_SOURCE="$work/source" \
  -DCMAKE_CXX_FLAGS="-ffile-prefix-map=$work=. ${CXXFLAGS:-}" -DCMAKE_EXE_LINKER_FLAGS="$link_flags ${LDFLAGS:-}" \
  -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$work/bin"
run cmake --build "$work/build" --parallel
[ -x "$work/bin/bootstrap" ] ||
  fail "CMakeLists.txt makes no program named bootstrap: add_executable(bootstrap …), and leave its output folder alone"
cp "$work/bin/bootstrap" "$output/bootstrap"

# Assets.
tar -C "$source_dir" --exclude-vcs --exclude=./.hearth --exclude=./build --exclude=./bootstrap \
  --exclude='*.cc' --exclude='*.cpp' --exclude='*.cxx' --exclude='*.h' --exclude='*.hpp' \
  --exclude=CMakeLists.txt -cf - . | tar -C "$output" --no-same-owner -xf -
