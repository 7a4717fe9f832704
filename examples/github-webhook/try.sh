#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/github-webhook
body='{"repository": {"full_name": "ada/engine"}}'
signature=$(python3 -c 'import hashlib, hmac, sys
print(hmac.new(b"not-a-real-key", sys.argv[1].encode(), hashlib.sha256).hexdigest())' "$body")
send() { curl -sS -H 'content-type: application/json' -H 'x-github-event: push' "$@" -d "$body" "$url"; }
answer=$(send -f -H "x-hub-signature-256: sha256=$signature")
echo "$answer"
grep -q '"repository": *"ada/engine"' <<<"$answer"
[ "$(send -o /dev/null -w '%{http_code}' -H 'x-hub-signature-256: sha256=0000')" = 401 ]
[ "$(send -o /dev/null -w '%{http_code}')" = 401 ]
