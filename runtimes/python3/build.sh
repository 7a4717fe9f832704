#!/bin/bash
# build.sh SOURCE OUTPUT: copies a Python function into OUTPUT and installs its requirements into OUTPUT/.deps.
# The same input gives the same bytes: compiled files carry the hash of their source instead of its time.
set -euo pipefail

source_dir=$(cd "$1" && pwd)
mkdir -p "$2"
output=$(cd "$2" && pwd)
python=/usr/bin/python3

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

[ -x "$python" ] || fail "$python is missing; install the Debian package python3"

tar -C "$source_dir" --exclude-vcs --exclude=__pycache__ --exclude='*.pyc' --exclude=./.deps --exclude=./.venv \
  --exclude=./venv --exclude=./.hearth -cf - . | tar -C "$output" --no-same-owner -xf -

# The sources themselves: every file must parse, and all mistakes are shown at once.
export PYTHONDONTWRITEBYTECODE=1
"$python" - "$output" <<'EOF' || fail "the source does not compile"
import os, sys
failed = False
for folder, folders, files in os.walk(sys.argv[1]):
    folders.sort()
    for name in sorted(files):
        path = os.path.join(folder, name)
        if not name.endswith(".py"):
            continue
        shown = os.path.relpath(path, sys.argv[1])
        try:
            with open(path, "rb") as file:
                compile(file.read(), shown, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            failed = True
            line = getattr(error, "lineno", None)
            text = (getattr(error, "text", None) or "").rstrip()
            print(f"{shown}:{line or '?'}: {error.args[0]}", file=sys.stderr)
            if text:
                print(f"    {text}", file=sys.stderr)
sys.exit(failed)
EOF

if [ -s "$output/requirements.txt" ] && grep -qv -e '^[[:space:]]*#' -e '^[[:space:]]*$' "$output/requirements.txt"; then
  "$python" -m pip --version >/dev/null 2>&1 || fail "pip is missing; install the Debian package python3-pip"
  (cd "$output" && "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-compile \
    --no-warn-script-location --root-user-action=ignore --upgrade --target "$output/.deps" \
    -r requirements.txt) || fail "pip could not install requirements.txt (its message is above)"
  # Records of the installation that differ from run to run, and launchers that name the builder's Python.
  rm -rf "$output/.deps/bin"
  find "$output/.deps" -path '*.dist-info/*' \( -name direct_url.json -o -name RECORD -o -name REQUESTED \) -delete
fi

# Compiled in advance: /var/task is read-only, and a cold start must not compile. "Unchecked" files are not
# compared with their source when they are loaded.
"$python" -m compileall -q -q -j 1 --invalidation-mode unchecked-hash -s "$output" -p /var/task "$output" || true
