#!/usr/bin/env bash
# Lists packages with tests, one on a line, those that take longest first: the Go tool starts them in this order, and
# one that is started last leaves a core idle at the end.
#   race         those whose tests neither link the embedded Temporal server nor are about techdocs/markdown, which starts no goroutines and
#                would take ten times as long; techdocs/site uses it from several at once
#   plain        the others
#   benchmarks   those that have a benchmark
set -euo pipefail
cd "$(dirname "$0")/.."

# The import path of a test binary ends in .test; its dependencies are all that it links.
list() { go list -buildvcs=false -test -f '{{.ImportPath}} {{join .Deps " "}}' ./...; }

plain=' go[.]temporal[.]io/server/|^[^ ]*/techdocs/markdown[^ ]* '
longest='/(internal/e2e|workflows|activities/(azure|bitbucketcloud|bitbucketserver|github|gitlab|kubernetes))$'
longest_first() { awk -v longest="$longest" '$1 ~ longest { print; next } { rest = rest $1 "\n" } END { printf "%s", rest }'; }

case "${1:-}" in
race) list | awk -v plain="$plain" '$1 ~ /\.test$/ && $0 !~ plain { sub(/\.test$/, "", $1); print $1 }' | longest_first ;;
plain) list | awk -v plain="$plain" '$1 ~ /\.test$/ && $0 ~ plain { sub(/\.test$/, "", $1); print $1 }' | longest_first ;;
benchmarks) git grep -l '^func Benchmark' -- '*_test.go' | xargs -rn1 dirname | sort -u | sed 's|^|./|' ;;
*)
  echo "usage: $0 race|plain|benchmarks" >&2
  exit 2
  ;;
esac
