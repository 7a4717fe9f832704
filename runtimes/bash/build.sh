#!/bin/bash
# build.sh SOURCE OUTPUT: copies a Bash function into OUTPUT after a syntax check.
set -euo pipefail

source_dir=$(cd "$1" && pwd)
mkdir -p "$2"
output=$(cd "$2" && pwd)

tar -C "$source_dir" --exclude-vcs --exclude=./.hearth -cf - . | tar -C "$output" --no-same-owner -xf -

failed=0
while IFS= read -r -d '' file; do
  (cd "$output" && bash -n "${file#./}") || failed=1
done < <(cd "$output" && find . -type f -name '*.sh' -print0 | sort -z)
if [ "$failed" = 1 ]; then
  echo "error: the source has syntax errors" >&2
  exit 1
fi
