#!/bin/bash
# build.sh SOURCE OUTPUT: builds a Go function into OUTPUT/bootstrap, one static binary. Files that are no Go
# source are copied beside it. The user's go.mod is honoured; without one there is a default.
set -euo pipefail

runtime_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=$(cd "$1" && pwd)
mkdir -p "$2"
output=$(cd "$2" && pwd)

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

find_go() {
  local candidate
  for candidate in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

go=$(find_go) || fail "go is missing; install the Debian package golang-go (or a newer Go from go.dev)"

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
tar -C "$source_dir" --exclude-vcs --exclude=./.hearth --exclude=./bootstrap -cf - . |
  tar -C "$work" --no-same-owner -xf -
cp -R "$runtime_dir/shim" "$work/.hearth-shim"

cd "$work"
if [ ! -f go.mod ]; then
  printf 'module function\n\ngo 1.18\n' >go.mod
fi
export CGO_ENABLED=0 GOWORK=off
# The module `hearth` is the one that came with this platform, whatever go.mod says.
"$go" mod edit -require=hearth@v0.0.0 -replace=hearth=./.hearth-shim || fail "go.mod is not valid"
"$go" build -mod=mod -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o "$output/bootstrap" . ||
  fail "the source does not build (the compiler's output is above)"
[ -x "$output/bootstrap" ] || fail "the source has no package main: write \`package main\` with \`hearth.Start(handler)\` in main"

# Assets.
tar -C "$source_dir" --exclude-vcs --exclude=./.hearth --exclude=./bootstrap --exclude='*.go' --exclude=go.mod \
  --exclude=go.sum --exclude=./vendor -cf - . | tar -C "$output" --no-same-owner -xf -
