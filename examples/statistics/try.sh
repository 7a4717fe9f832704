#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/statistics
answer=$(curl -sSf -H 'content-type: application/json' -d '[1, 2, 3, 4, 10]' "$url")
echo "$answer"
[ "$answer" = '{"count":5,"deviation":3.1622776601683795,"max":10,"mean":4,"min":1,"p50":3,"p99":9.76}' ]
[ "$(curl -sS -o /dev/null -w '%{http_code}' -d '[1, "two"]' "$url")" = 400 ]
