#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/notes
note=$(curl -sSf -d 'buy bread' "$url/")
echo "$note"
id=$(sed -E 's/.*"id": "([0-9]+)".*/\1/' <<<"$note")
[ "$(curl -sSf "$url/$id")" = "{\"id\": \"$id\", \"text\": \"buy bread\"}" ]
curl -sSf -o /dev/null -X DELETE "$url/$id"
[ "$(curl -sS -o /dev/null -w '%{http_code}' "$url/$id")" = 404 ]
