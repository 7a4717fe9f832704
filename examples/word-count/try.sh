#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/word-count
answer=$(curl -sSf -d 'the cat and the dog and the bird' "$url")
head -n 1 <<<"$answer"
[ "$(awk '{print $1, $2}' <<<"$answer" | head -n 2)" = $'3 the\n2 and' ]
