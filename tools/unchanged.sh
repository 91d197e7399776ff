#!/usr/bin/env bash
# Runs a command that generates files, and fails if the command changes any file of the checkout. Earlier
# uncommitted changes do not matter.
set -euo pipefail
cd "$(dirname "$0")/.."

state() {
  git diff --no-ext-diff HEAD
  git ls-files -z --others --exclude-standard | xargs -0r sha256sum
}

before=$(mktemp)
after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT
state >"$before"
"$@"
state >"$after"
if ! cmp -s "$before" "$after"; then
  diff "$before" "$after" | head -n 40 >&2 || true
  echo "portico: \`$*\` changed the files above: run it and commit the result" >&2
  exit 1
fi
