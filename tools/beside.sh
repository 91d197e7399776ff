#!/usr/bin/env bash
# beside.sh BACKGROUND FOREGROUND: runs two commands of the shell at once, so that one computes while the other waits. The
# first has a lower priority, because nothing of it is measured in time; its output comes after that of the second. It
# fails if one of them fails, and lets the other one end first.
set -uo pipefail
[ $# = 2 ] || { echo "usage: $0 BACKGROUND FOREGROUND" >&2; exit 2; }

output=$(mktemp)
nice -n 5 bash -c "$1" >"$output" 2>&1 &
background=$!
trap 'kill "$background" 2>/dev/null; rm -f "$output"' EXIT
trap 'exit 130' INT TERM

bash -c "$2"
foreground=$?
wait "$background"
status=$?
cat "$output"
[ "$foreground" = 0 ] && exit "$status"
exit "$foreground"
