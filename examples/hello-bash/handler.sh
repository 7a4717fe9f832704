# The event is on the input (and in the file $1), what is printed is the answer, stderr is the log.
handler() {
  local name
  name=$(event .queryStringParameters.name)
  echo "Greeting ${name:-everybody}" >&2
  echo "Hello, ${name:-world}! This is bash."
}
