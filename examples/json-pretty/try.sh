#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/json-pretty
answer=$(curl -sSf -d '{"b":[1,2],"a":null}' "$url")
tr -d '\n' <<<"$answer"
echo
[ "$(sed -n 2p <<<"$answer")" = '  "a": null,' ]
# The program's exit status tells: in serializing mode a failure is a 500, not half an answer.
[ "$(curl -sS -o /dev/null -w '%{http_code}' -d '{"b":' "$url")" = 500 ]
