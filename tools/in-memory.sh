#!/usr/bin/env bash
# in-memory.sh COMMAND...: runs a command with PORTICO_TEST_DATA, a directory in memory for the databases of tests and the
# repositories of tests of actions, where there is enough memory. Otherwise each database waits some seconds for the disk when
# it is created and when it stops, and repositories and their files are slow to create and to delete. What the tests show is
# the same: they kill processes, and files in memory survive these as files on a disk do.
set -uo pipefail

memory=/dev/shm needed=$((4 * 1024 * 1024)) # kB
# A process that was killed has left its directory.
for left in "$memory"/portico-test-*; do
  [ -d "$left" ] && ! [ -d "/proc/${left##*-}" ] && rm -rf "$left"
done

free=$(df -kP "$memory" 2>/dev/null | awk 'NR == 2 { print $4 }')
available=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo 2>/dev/null)
directory=$memory/portico-test-$$
[ "${free:-0}" -ge $needed ] && [ "${available:-0}" -ge $needed ] && mkdir "$directory" 2>/dev/null || exec "$@"
trap 'rm -rf "$directory"' EXIT
chmod 755 "$directory" # PostgreSQL enters it as another user
# Tests write programs and start them, which some containers forbid there.
printf '#!/bin/sh\n' >"$directory/probe" && chmod 755 "$directory/probe"
if ! "$directory/probe" 2>/dev/null; then
  rm -r "$directory"
  exec "$@"
fi
rm "$directory/probe"
PORTICO_TEST_DATA=$directory "$@"
