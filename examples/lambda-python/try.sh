#!/bin/bash
set -euo pipefail
url=${HEARTH_URL:-http://127.0.0.1:8080}/function/lambda-python
answer=$(curl -sSf "$url/some/path")
echo "$answer"
[ "$answer" = '{"path": "/some/path", "function": "lambda-python", "client": "awslambdaric"}' ]
