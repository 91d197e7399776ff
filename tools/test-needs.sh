#!/usr/bin/env bash
# Installs what the tests need beyond the build: a browser to drive the portal with, a connection pooler to put before PostgreSQL, and a C
# compiler for the race detector.
# As root on Debian and its kin it installs them; otherwise it says what to install.
set -euo pipefail

missing=()
have() { command -v "$1" >/dev/null 2>&1; }
# Go links the race detector with this compiler, and needs the C library's headers.
read -ra compiler <<<"$(go env CC)"
"${compiler[@]}" -E - <<<'#include <stdlib.h>' >/dev/null 2>&1 || missing+=(gcc libc6-dev)
[ -n "${PORTICO_CHROMIUM:-}" ] || have chromium || have chromium-browser || have google-chrome || missing+=(chromium)
[ -x /usr/sbin/pgbouncer ] || have pgbouncer || missing+=(pgbouncer)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && have apt-get; then
  echo "portico: installing ${missing[*]}, which the tests need"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq || true # a source that does not answer only matters if it is the one needed, and then the next line fails
  # A machine that has just started may be busy with updates of its own.
  apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "${missing[@]}" >/dev/null
  exit 0
fi
cat >&2 <<MESSAGE
portico: the tests need what is not installed here: ${missing[*]}
On Debian or Ubuntu: sudo apt-get install ${missing[*]}
Elsewhere install them as the system does; a Chromium or Chrome off the PATH is named by PORTICO_CHROMIUM.
MESSAGE
exit 1
