#!/usr/bin/env bash
# Lists packages with tests, one on a line, those that take longest first: the Go tool starts them in this order, and
# one that is started last leaves a core idle at the end.
#   race         those whose tests do not link the embedded Temporal server
#   plain        those whose tests do
#   benchmarks   those that have a benchmark
set -euo pipefail
cd "$(dirname "$0")/.."

# The import path of a test binary ends in .test; its dependencies are all that it links.
list() { go list -buildvcs=false -test -f '{{.ImportPath}} {{join .Deps " "}}' ./...; }

longest='/(internal/e2e|workflows|activities/(azure|bitbucketcloud|bitbucketserver|github|gitlab|kubernetes))$'
longest_first() { awk -v longest="$longest" '$1 ~ longest { print; next } { rest = rest $1 "\n" } END { printf "%s", rest }'; }

case "${1:-}" in
race) list | awk '$1 ~ /\.test$/ && !/ go\.temporal\.io\/server\// { sub(/\.test$/, "", $1); print $1 }' | longest_first ;;
plain) list | awk '$1 ~ /\.test$/ && / go\.temporal\.io\/server\// { sub(/\.test$/, "", $1); print $1 }' | longest_first ;;
benchmarks) git grep -l '^func Benchmark' -- '*_test.go' | xargs -rn1 dirname | sort -u | sed 's|^|./|' ;;
*)
  echo "usage: $0 race|plain|benchmarks" >&2
  exit 2
  ;;
esac
