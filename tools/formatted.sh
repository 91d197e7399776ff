#!/usr/bin/env bash
# Fails if a Go file is not formatted as gofmt does. Skeletons in examples/ and testdata/ are templates of Go
# files, not Go files.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(git ls-files -z -- '*.go' ':!examples' ':!*/testdata/*' | xargs -0r gofmt -l)
if [ -n "$unformatted" ]; then
  printf 'portico: these files are not formatted, run `make format`:\n%s\n' "$unformatted" >&2
  exit 1
fi
