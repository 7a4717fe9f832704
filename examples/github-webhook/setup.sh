#!/bin/bash
# The secret that signs webhooks. A real one: head -c 32 /dev/urandom | base64
set -euo pipefail
hearth secret create github-webhook-key --from-literal not-a-real-key --replace
