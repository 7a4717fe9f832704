HEARTH_STREAM='text/plain; charset=utf-8'

handler() {
  local word
  case $(event .queryStringParameters.op) in
    stream_fail)
      echo one
      return 3
      ;;
    early_fail) return 3 ;;
    empty) return 0 ;;
    tail)
      echo one
      printf 'no newline'
      return
      ;;
  esac
  stream_head 201 'content-type: text/event-stream' 'x-test: yes' 'set-cookie: a=1'
  for word in one two three; do
    echo "$word"
    sleep 0.05
  done
}
