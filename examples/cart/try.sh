#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/cart
answer=$(curl -sSf -H 'content-type: application/json' -d '{"apple": 3, "coffee": 1}' "$url")
echo "$answer"
grep -q '"total": *"5.10"' <<<"$answer"
[ "$(curl -sS -o /dev/null -w '%{http_code}' -H 'content-type: application/json' -d '{"gold": 1}' "$url")" = 422 ]
