#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/price-ticker
answer=$(curl -sSfN "$url?count=3&pause=0.1")
grep -m 1 '^data:' <<<"$answer"
[ "$(grep -c '^event: price' <<<"$answer")" = 3 ]
curl -sSf -o /dev/null -w '%{content_type}\n' "$url?count=1&pause=0" | grep -q '^text/event-stream'
