#!/usr/bin/env bash
# Installs what the tests need beyond the build: a browser to drive the portal with, and a C compiler for the race detector.
# As root on Debian and its kin it installs them; otherwise it says what to install.
set -euo pipefail

missing=()
have() { command -v "$1" >/dev/null 2>&1; }
have gcc || have clang || missing+=(gcc libc6-dev)
[ -n "${PORTICO_CHROMIUM:-}" ] || have chromium || have chromium-browser || have google-chrome || missing+=(chromium)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && have apt-get; then
  echo "portico: installing ${missing[*]}, which the tests need"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  exit 0
fi
cat >&2 <<MESSAGE
portico: the tests need what is not installed here: ${missing[*]}
On Debian or Ubuntu: sudo apt-get install ${missing[*]}
Elsewhere install them as the system does; a Chromium or Chrome off the PATH is named by PORTICO_CHROMIUM.
MESSAGE
exit 1
