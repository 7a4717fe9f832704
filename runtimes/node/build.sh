#!/bin/bash
# build.sh SOURCE OUTPUT: copies a Node.js function into OUTPUT and installs its dependencies there.
set -euo pipefail

source_dir=$(cd "$1" && pwd)
mkdir -p "$2"
output=$(cd "$2" && pwd)
node=/usr/bin/node

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

[ -x "$node" ] || fail "$node is missing; install the Debian package nodejs"

tar -C "$source_dir" --exclude-vcs --exclude=node_modules --exclude=./.hearth -cf - . |
  tar -C "$output" --no-same-owner -xf -

messages=$(mktemp)
trap 'rm -f "$messages"' EXIT
failed=0
while IFS= read -r -d '' file; do
  (cd "$output" && "$node" --check "$file") 2>"$messages" && continue
  failed=1
  # Without Node's own frames, and with paths as the user knows them.
  sed -e "s|$output/||g" -e '/^    at /d' -e '/^Node.js v/d' "$messages" >&2
done < <(cd "$output" && find . -type f \( -name '*.js' -o -name '*.mjs' -o -name '*.cjs' \) -print0 | sort -z)
[ "$failed" = 0 ] || fail "the source does not compile"

if [ -f "$output/package.json" ]; then
  wanted=$("$node" -p 'const p = require(process.argv[1]);
    Object.keys({ ...p.dependencies, ...p.optionalDependencies }).length' "$output/package.json") ||
    fail "package.json is not valid JSON"
  if [ "$wanted" != 0 ]; then
    command -v npm >/dev/null || fail "npm is missing; install the Debian package npm"
    install=install
    if [ -f "$output/package-lock.json" ]; then install=ci; fi
    (cd "$output" && npm "$install" --omit=dev --no-audit --no-fund --no-update-notifier --loglevel=error) >&2 ||
      fail "npm $install failed (its message is above)"
    rm -f "$output/node_modules/.package-lock.json"
  fi
fi
