set -euo pipefail

handler() {
  printf '{"got":'
  cat
  printf '}'
}
