#!/usr/bin/env bash
# Reports which of the programs that build Portico are missing or too old, and how to install each. Prints nothing
# if there are none.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=0
complain() {
  printf 'portico: %s\n' "$*" >&2
  failed=1
}

at_least() { # at_least WANTED FOUND
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# need NAME WANTED REMEDY: the version is the first dotted number that NAME --version prints.
need() {
  local name=$1 wanted=$2 remedy=$3 found
  if ! command -v "$name" >/dev/null 2>&1; then
    complain "$name is missing. $remedy"
    return
  fi
  found=$("$name" --version | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1)
  if ! at_least "$wanted" "$found"; then
    complain "$name is ${found:-of an unknown version}, but $wanted or newer is needed. $remedy"
  fi
}

if ! command -v go >/dev/null 2>&1; then
  complain "go is missing. Install Go $(awk '/^go /{ print $2 }' go.mod) or newer from https://go.dev/dl/"
elif ! answer=$(go env GOVERSION 2>&1); then
  # Since 1.21, the Go tool downloads the version that go.mod names, unless GOTOOLCHAIN forbids it. Its error names
  # the version.
  complain "$answer. Install a newer Go from https://go.dev/dl/, or unset GOTOOLCHAIN so that Go can download it"
fi
need node 20.19.0 "Install Node.js 22 or newer from https://nodejs.org/"
need npm 10.0.0 "It comes with Node.js: https://nodejs.org/"
need git 2.30.0 "Install it with the system's package manager, or from https://git-scm.com/"

exit "$failed"
