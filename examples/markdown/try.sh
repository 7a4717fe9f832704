#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/markdown
page=$(printf '# Title\n\nSome *words*.\n' | curl -sSf --data-binary @- -H 'content-type: text/markdown' "$url?title=A%20page")
grep -o '<h1>.*</h1>' <<<"$page"
grep -q '<em>words</em>' <<<"$page"
grep -q '<title>A page</title>' <<<"$page"
[ "$(curl -sS -o /dev/null -w '%{http_code}' -X POST "$url")" = 400 ]
