#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/csv-to-json
answer=$(printf 'name,size\nlarge,"1,000"\nsmall,1\n' | curl -sSf --data-binary @- -H 'content-type: text/csv' "$url")
echo "$answer"
[ "$answer" = '[{"name":"large","size":"1,000"},{"name":"small","size":"1"}]' ]
code=$(printf 'a,b\n1\n' | curl -sS -o /dev/null -w '%{http_code}' --data-binary @- -H 'content-type: text/csv' "$url")
[ "$code" = 422 ]
