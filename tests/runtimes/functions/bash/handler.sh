# The function that every language has for the tests: it does what the query parameter `op` says.

handler() {
  local op
  op=$(event .queryStringParameters.op)
  "op_${op:-echo}" "$1"
}

op_echo() {
  jq -c '{method: .requestContext.http.method, path: .rawPath, rawQuery: .rawQueryString,
    query: (.queryStringParameters // {}), cookies: (.cookies // []), header: (.headers["x-test"] // ""),
    body: (.body // ""), base64: .isBase64Encoded}'
}

op_string() { printf 'plain wörds'; }
op_number() { echo 42; }
op_null() { echo null; }
op_list() { echo '[1, "two", null]'; }

op_full() {
  printf '<p>é</p>' | respond 418 'content-type: text/html' 'x-test: yes' 'set-cookie: a=1; Path=/' 'set-cookie: b=2'
}

op_binary() {
  local code
  for ((code = 0; code < 256; code++)); do printf "\\x$(printf %x "$code")"; done | respond 200 'content-type: image/x-test'
}

op_decode() {
  request_body | od -An -v -tu1 | {
    local sum=0 length=0 line byte
    while read -r line; do
      for byte in $line; do
        sum=$((sum + byte)) length=$((length + 1))
      done
    done
    echo "{\"length\": $length, \"sum\": $sum}"
  }
}

op_fail() {
  echo "this is not the answer"
  (exit 7)
}

op_context() {
  local left id=false remaining=false
  left=$(remaining_ms)
  if [ -n "$HEARTH_REQUEST_ID" ]; then id=true; fi
  if [ "$left" -gt 0 ] && [ "$left" -le 20000 ]; then remaining=true; fi
  echo "{\"id\": $id, \"name\": \"$AWS_LAMBDA_FUNCTION_NAME\", \"arn\": \"$HEARTH_INVOKED_FUNCTION_ARN\",
    \"memory\": $AWS_LAMBDA_FUNCTION_MEMORY_SIZE, \"remaining\": $remaining, \"trace\": \"$_X_AMZN_TRACE_ID\"}"
}

op_log() {
  echo "to stdout of a child" >/dev/stderr
  echo "to stderr, not to stdout" >&2
  echo logged
}

op_sleep() {
  sleep 0.5
  echo slept
}

op_exit() { kill -KILL $$; }

op_bytes() { printf '\0\1\377'; }

op_strict() {
  set -e
  false
  echo "not reached"
}
