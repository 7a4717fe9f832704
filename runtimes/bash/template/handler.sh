# {{name}}: answers with a greeting. The event is on the input and in the file $1; what is printed is the answer.
# Messages for the log go to stderr. `event`, `respond`, `request_body` and `remaining_ms` are helpers.

handler() {
  local name
  name=$(event .queryStringParameters.name)
  echo "Hello, ${name:-world}!"
}
