#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/hello-go
answer=$(curl -sSf "$url?name=Ada")
echo "$answer"
[ "$answer" = "Hello, Ada! This is go." ]
[ "$(curl -sSf "$url")" = "Hello, world! This is go." ]
