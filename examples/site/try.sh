#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/site
curl -sSf "$url/" | grep -o '<h1>.*</h1>'
curl -sSf -o /dev/null -w '%{content_type}\n' "$url/style.css" | grep -q '^text/css'
[ "$(curl -sS -o /dev/null -w '%{http_code}' "$url/nothing.html")" = 404 ]
[ "$(curl -sS -o /dev/null -w '%{http_code}' --path-as-is "$url/../function.yaml")" != 200 ]
