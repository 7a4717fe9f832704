# Hearth's Bash client of the Lambda Runtime API. It needs nothing but bash: HTTP goes over /dev/tcp, and an
# invocation of a small text costs one fork, the subshell that the handler runs in. coreutils are used for
# bodies with NUL bytes only.
#
# Names that begin with `_hearth_` are this file's own; helpers for handlers are at its end.

_hearth_api=${AWS_LAMBDA_RUNTIME_API-}
if [ -z "$_hearth_api" ]; then
  echo "AWS_LAMBDA_RUNTIME_API is not set: this program is started by hearth-watchdog" >&2
  exit 1
fi
_hearth_socket=
_hearth_base=/2018-06-01/runtime
_hearth_get_next=$'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: '$_hearth_api$'\r\n\r\n'

_hearth_connect() {
  exec {_hearth_socket}<>"/dev/tcp/${_hearth_api%:*}/${_hearth_api##*:}"
}

_hearth_hang_up() {
  if [ -n "$_hearth_socket" ]; then exec {_hearth_socket}>&-; fi
  _hearth_socket=
}

# Sends text in one write: a second small one would wait for the acknowledgement of the first (Nagle), and bash
# writes line by line unless a short text ends with a newline.
_hearth_send() {
  local LC_ALL=C
  if [ "${#1}" -lt 4096 ] && [ "${1: -1}" = $'\n' ]; then
    printf %s "$1" >&"$_hearth_socket"
  else
    printf %s "$1" >"$_hearth_folder/request"
    cat "$_hearth_folder/request" >&"$_hearth_socket"
  fi
}

# Reads an answer: its status, and for `next` what its headers say of the call; the body into _hearth_body.
_hearth_read_answer() {
  local LC_ALL=C line name value length=0
  IFS= read -r -u "$_hearth_socket" line || return 1
  _hearth_status=${line:9:3}
  while IFS= read -r -u "$_hearth_socket" line; do
    line=${line%$'\r'}
    if [ -z "$line" ]; then break; fi
    name=${line%%:*}
    value=${line#*:}
    value=${value# }
    case ${name,,} in
      content-length) length=$value ;;
      transfer-encoding) length=chunked ;;
      lambda-runtime-aws-request-id) HEARTH_REQUEST_ID=$value ;;
      lambda-runtime-deadline-ms) HEARTH_DEADLINE_MS=$value ;;
      lambda-runtime-invoked-function-arn) HEARTH_INVOKED_FUNCTION_ARN=$value ;;
      lambda-runtime-trace-id) _X_AMZN_TRACE_ID=$value ;;
    esac
  done
  if [ "$length" = chunked ]; then
    _hearth_read_chunks
    return
  fi
  _hearth_body=
  if [ "$length" -gt 0 ]; then
    IFS= read -r -d '' -N "$length" -u "$_hearth_socket" _hearth_body
    [ "${#_hearth_body}" -eq "$length" ]
  fi
}

_hearth_read_chunks() {
  local LC_ALL=C line size piece
  _hearth_body=
  while IFS= read -r -u "$_hearth_socket" line; do
    size=$((16#${line%%[;$'\r']*}))
    if [ "$size" -eq 0 ]; then
      while IFS= read -r -u "$_hearth_socket" line && [ "$line" != $'\r' ]; do :; done
      return 0
    fi
    IFS= read -r -d '' -N "$size" -u "$_hearth_socket" piece
    _hearth_body+=$piece
    read -r -u "$_hearth_socket" line
  done
  return 1
}

_hearth_next() {
  local attempt
  for attempt in 1 2; do
    if [ -n "$_hearth_socket" ] || _hearth_connect; then
      _X_AMZN_TRACE_ID=
      if _hearth_send "$_hearth_get_next" && _hearth_read_answer && [ "$_hearth_status" = 200 ]; then
        return 0
      fi
    fi
    _hearth_hang_up
  done 2>/dev/null
  echo "the Runtime API is gone" >&2
  return 1
}

# _hearth_post PATH TYPE [FIELD]: sends _hearth_body, which holds no NUL bytes.
_hearth_post() {
  local LC_ALL=C
  if [ -z "$_hearth_socket" ]; then _hearth_connect || return; fi
  local request
  # White space after JSON is of no account, and spares a process.
  if [ "$2" = application/json ] && [ "${_hearth_body: -1}" != $'\n' ]; then _hearth_body+=$'\n'; fi
  printf -v request 'POST %s/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s' \
    "$_hearth_base" "$1" "$_hearth_api" "$2" "${3:+$3$'\r\n'}" "${#_hearth_body}" "$_hearth_body"
  _hearth_send "$request"
  _hearth_read_answer || _hearth_hang_up
}

# _hearth_post_file PATH TYPE FILE: the same for a body with any bytes.
_hearth_post_file() {
  if [ -z "$_hearth_socket" ]; then _hearth_connect || return; fi
  {
    printf 'POST %s/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n' \
      "$_hearth_base" "$1" "$_hearth_api" "$2" "$(stat -c %s "$3")"
    cat "$3"
  } >"$_hearth_folder/request"
  cat "$_hearth_folder/request" >&"$_hearth_socket"
  _hearth_read_answer || _hearth_hang_up
}

# _hearth_quote TEXT: the JSON string, in _hearth_quoted. Control characters beyond the common ones are dropped.
_hearth_quote() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\r'/\\r}
  text=${text//$'\t'/\\t}
  text=${text//[$'\x01'-$'\x1f']/}
  _hearth_quoted="\"$text\""
}

# _hearth_error MESSAGE TYPE [LINE…]: an error as its caller gets it, in _hearth_body; and in the log.
_hearth_error() {
  local message=$1 kind=$2 trace= line
  shift 2
  echo "$kind: $message" >&2
  for line in "$@"; do
    echo "    $line" >&2
    _hearth_quote "$line"
    trace+=${trace:+,}$_hearth_quoted
  done
  _hearth_quote "$message"
  _hearth_body="{\"errorMessage\":$_hearth_quoted,\"errorType\":\"$kind\",\"stackTrace\":[$trace]}"
}

_hearth_fail_init() {
  _hearth_error "$1" "$2"
  _hearth_post init/error application/json "Lambda-Runtime-Function-Error-Type: $2"
  exit 1
}

# Runs in the handler's subshell whenever a command fails: the last such place is the error's stack trace. A failure
# comes by once more for each function that it ends, from the innermost outwards; the innermost counts.
_hearth_trace() {
  local status=$? depth
  if [ "$status" = "${_hearth_trace_status-}" ] && [ "${#FUNCNAME[@]}" -lt "$_hearth_trace_depth" ]; then
    _hearth_trace_depth=${#FUNCNAME[@]}
    return
  fi
  _hearth_trace_status=$status
  _hearth_trace_depth=${#FUNCNAME[@]}
  {
    echo "$status"
    for ((depth = 1; depth < ${#FUNCNAME[@]}; depth++)); do
      case ${FUNCNAME[depth]} in
        _hearth_*) break ;;
        *) echo "${FUNCNAME[depth]} (${BASH_SOURCE[depth]}:${BASH_LINENO[depth - 1]})" ;;
      esac
    done
  } >"$_hearth_folder/trace"
}

# The handler, in a subshell of its own with the options that its file has set. Not in a condition: there
# `set -e` and the trap would be without effect.
_hearth_call() {
  if [ -n "$_hearth_socket" ]; then exec {_hearth_socket}>&-; fi
  eval "$_hearth_user_options"
  set -E
  trap _hearth_trace ERR
  "$_hearth_function" "$_hearth_folder/event"
}

_hearth_fail_call() {
  local -a lines=()
  if [ -f "$_hearth_folder/trace" ]; then
    mapfile -t lines <"$_hearth_folder/trace"
    if [ "${lines[0]}" != "$1" ]; then lines=(); fi
  fi
  _hearth_error "the handler ended with exit status $1" "Function.ExitStatus" "${lines[@]:1}"
}

# Sends a handler's output: JSON as the result, other text and bytes as they are.
_hearth_answer() {
  local path="invocation/$HEARTH_REQUEST_ID/response" LC_ALL=C
  if IFS= read -r -d '' _hearth_body <"$_hearth_folder/output"; then
    _hearth_post_file "$path" application/octet-stream "$_hearth_folder/output"
    return
  fi
  local lead=${_hearth_body#"${_hearth_body%%[!$' \t\r\n']*}"}
  case ${lead:0:1} in
    '{' | '[' | '"') _hearth_post "$path" application/json ;;
    *)
      case ${lead%"${lead##*[!$' \t\r\n']}"} in
        null | true | false) _hearth_post "$path" application/json ;;
        '' | *[!0-9]*) _hearth_post "$path" 'text/plain; charset=utf-8' ;;
        *) _hearth_post "$path" application/json ;;
      esac
      ;;
  esac
  if [ "${_hearth_status:-202}" -ge 300 ]; then
    echo "the Runtime API refused the answer of $HEARTH_REQUEST_ID: $_hearth_status $_hearth_body" >&2
  fi
}

# Sends what a handler prints line by line, as it comes. The first line may be the head that `stream_head` made.
_hearth_stream() {
  local LC_ALL=C line type=$HEARTH_STREAM prelude= head= chunk first=1 rest=
  local trailers=$'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body'
  while IFS= read -r line || { rest=$line && [ -n "$rest" ]; }; do
    if [ "$first" = 1 ]; then
      first=
      if [ "${line:0:12}" = $'\x01hearth-head' ]; then
        prelude=${line:12}
        type=application/vnd.awslambda.http-integration-response
      fi
      printf -v head '%s\r\n' "POST $_hearth_base/invocation/$HEARTH_REQUEST_ID/response HTTP/1.1" \
        "Host: $_hearth_api" "Content-Type: $type" 'Transfer-Encoding: chunked' \
        'Lambda-Runtime-Function-Response-Mode: streaming' "Trailer: $trailers" ''
      if [ -n "$prelude" ]; then
        # Bash's variables hold no NUL bytes, so these go out by a process of their own.
        printf '%s%x\r\n%s\0\0\0\0\0\0\0\0\r\n' "$head" $((${#prelude} + 8)) "$prelude" \
          >"$_hearth_folder/request"
        cat "$_hearth_folder/request"
        head=
        continue
      fi
    fi
    if [ -n "$rest" ]; then
      printf -v chunk '%s%x\r\n%s\r\n' "$head" "${#rest}" "$rest"
    else
      printf -v chunk '%s%x\r\n%s\n\r\n' "$head" $((${#line} + 1)) "$line"
    fi
    printf %s "$chunk"
    head=
  done
  # Nothing printed: whether that is an error is known only by the exit status.
  [ -z "$first" ]
}

_hearth_serve_stream() {
  local status
  _hearth_call <"$_hearth_folder/event" | _hearth_stream >&"$_hearth_socket"
  status=("${PIPESTATUS[@]}")
  if [ "${status[1]}" != 0 ]; then  # nothing was sent
    if [ "${status[0]}" != 0 ]; then
      _hearth_fail_call "${status[0]}"
      _hearth_post "invocation/$HEARTH_REQUEST_ID/error" application/json \
        "Lambda-Runtime-Function-Error-Type: Function.ExitStatus"
    else
      _hearth_body=
      _hearth_post "invocation/$HEARTH_REQUEST_ID/response" "$HEARTH_STREAM"
    fi
    return
  fi
  local trailers=
  if [ "${status[0]}" != 0 ]; then
    _hearth_fail_call "${status[0]}"
    trailers=$'Lambda-Runtime-Function-Error-Type: Function.ExitStatus\r\n'
    trailers+="Lambda-Runtime-Function-Error-Body: $(printf %s "$_hearth_body" | base64 -w0)"$'\r\n'
  fi
  _hearth_send $'0\r\n'"$trailers"$'\r\n'
  _hearth_read_answer || _hearth_hang_up
}

_hearth_serve() {
  local status
  _hearth_folder=$1
  while _hearth_next; do
    export HEARTH_REQUEST_ID HEARTH_DEADLINE_MS HEARTH_INVOKED_FUNCTION_ARN _X_AMZN_TRACE_ID
    if [ -f "$_hearth_folder/trace" ]; then rm -f "$_hearth_folder/trace"; fi
    printf %s "$_hearth_body" >"$_hearth_folder/event"
    if [ -n "${HEARTH_STREAM-}" ]; then
      _hearth_serve_stream
      continue
    fi
    (_hearth_call <"$_hearth_folder/event" >"$_hearth_folder/output")
    status=$?
    if [ "$status" = 0 ]; then
      _hearth_answer
    else
      _hearth_fail_call "$status"
      _hearth_post "invocation/$HEARTH_REQUEST_ID/error" application/json \
        "Lambda-Runtime-Function-Error-Type: Function.ExitStatus"
    fi
  done
  exit 1
}

_hearth_load() {
  local name=${_HANDLER:-handler.handler} file
  _hearth_function=${name##*.}
  file=${name%.*}.sh
  case $name in
    ?*.?*) ;;
    *) _hearth_fail_init "bad handler '$name': write it as file.function, for example handler.handler" \
         Runtime.MalformedHandlerName ;;
  esac
  if [ ! -r "$file" ]; then _hearth_fail_init "handler '$name': there is no $file" Runtime.ImportModuleError; fi
  trap '_hearth_loading_failed $? "'"$file"'"' EXIT
  # shellcheck disable=SC1090
  . "./$file"
  _hearth_load_status=$?
  _hearth_user_options=$(set +o)
  set +efnuvx +o pipefail
  IFS=$' \t\n'
  trap - EXIT
  if ! declare -F "$_hearth_function" >/dev/null; then
    if [ "$_hearth_load_status" != 0 ] && ! bash -n "$file" 2>/dev/null; then
      _hearth_fail_init "$(bash -n "$file" 2>&1)" Runtime.UserCodeSyntaxError
    fi
    _hearth_fail_init "there is no function '$_hearth_function' in $file" Runtime.HandlerNotFound
  fi
}

# The handler's file has ended the shell.
_hearth_loading_failed() {
  set +efnuvx +o pipefail
  trap - EXIT
  _hearth_fail_init "$2 ended with exit status $1 while it was loaded" Runtime.InitError
}

# Helpers for handlers.

# remaining_ms: what is left of the call's time.
remaining_ms() {
  local now=${EPOCHREALTIME/[.,]/}
  local left=$((HEARTH_DEADLINE_MS - now / 1000))
  echo $((left > 0 ? left : 0))
}

# respond STATUS [NAME: VALUE…]: an HTTP answer with the body that is on the input, whatever bytes it has. More
# than one `set-cookie:` is possible.
respond() {
  local head
  head=$(_hearth_head "$@")
  printf '%s,"isBase64Encoded":true,"body":"' "${head%\}}"
  base64 -w0
  printf '"}'
}

# stream_head STATUS [NAME: VALUE…]: what a streaming handler prints first, where it wants more than status 200 and
# the content type of HEARTH_STREAM.
stream_head() {
  printf '\x01hearth-head%s\n' "$(_hearth_head "$@")"
}

_hearth_head() {
  local status=$1 field headers= cookies=
  shift
  for field in "$@"; do
    _hearth_quote "${field#*: }"
    case ${field%%:*} in
      [Ss]et-[Cc]ookie) cookies+=${cookies:+,}$_hearth_quoted ;;
      *) headers+="${headers:+,}\"${field%%:*}\":$_hearth_quoted" ;;
    esac
  done
  printf '{"statusCode":%d,"headers":{%s}%s}' "$status" "$headers" "${cookies:+,\"cookies\":[$cookies]}"
}

# event FILTER [JQ OPTIONS]: a part of the event, by jq: `event .rawPath`. Nothing where it is null.
event() {
  local filter=$1
  shift
  jq -r "$@" "($filter) // empty" "$_hearth_folder/event"
}

# request_body: the body of the request as the client sent it, whatever bytes it has.
request_body() {
  if [[ $(event .isBase64Encoded) == true ]]; then
    jq -r '.body // ""' "$_hearth_folder/event" | base64 -d
  else
    jq -j '.body // ""' "$_hearth_folder/event"
  fi
}

_hearth_root=$(mktemp -d "${TMPDIR:-/tmp}/hearth.XXXXXX") || exit 1
_hearth_folder=$_hearth_root
_hearth_load
for ((_hearth_slot = 1; _hearth_slot < ${AWS_LAMBDA_MAX_CONCURRENCY:-1}; _hearth_slot++)); do
  mkdir "$_hearth_root/$_hearth_slot"
  # One that fails takes all with it: a half-working replica is worse than a restart.
  { _hearth_serve "$_hearth_root/$_hearth_slot" || :; kill -TERM $$; } &
done
_hearth_serve "$_hearth_root"
