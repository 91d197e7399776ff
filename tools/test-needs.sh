#!/usr/bin/env bash
# Installs what the tests need in addition to the build: a browser for the portal, a connection pooler for
# PostgreSQL, an LDAP server, Python's virtual environments, and a C compiler for the race detector. It installs them only as root on Debian and its
# derivatives; otherwise it prints what to install.
set -euo pipefail

missing=()
have() { command -v "$1" >/dev/null 2>&1; }
# Go links the race detector with this compiler, and needs the C library's headers.
read -ra compiler <<<"$(go env CC)"
"${compiler[@]}" -E - <<<'#include <stdlib.h>' >/dev/null 2>&1 || missing+=(gcc libc6-dev)
[ -n "${PORTICO_CHROMIUM:-}" ] || have chromium || have chromium-browser || have google-chrome || missing+=(chromium)
[ -x /usr/sbin/pgbouncer ] || have pgbouncer || missing+=(pgbouncer)
# Without an LDAP server or Python, only the tests with LDAP and with MkDocs are skipped: it is no reason to stop.
wanted=()
[ -n "${PORTICO_SLAPD:-}" ] || [ -x /usr/sbin/slapd ] || have slapd || wanted+=(slapd)
[ -n "${PORTICO_MKDOCS:-}" ] || python3 -c 'import ensurepip, venv' 2>/dev/null || wanted+=(python3-venv)
[ $((${#missing[@]} + ${#wanted[@]})) -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && have apt-get; then
  echo "portico: installing ${missing[*]} ${wanted[*]}, which the tests need"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq || true # if a needed source does not answer, the next command fails
  # A machine that has just started may hold the lock for its own updates.
  install() { apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "$@" >/dev/null; }
  [ ${#missing[@]} -eq 0 ] || install "${missing[@]}"
  [ ${#wanted[@]} -eq 0 ] || install "${wanted[@]}" || echo "portico: ${wanted[*]} could not be installed: its tests are skipped" >&2
  exit 0
fi
if [ ${#missing[@]} -eq 0 ]; then
  echo "portico: the tests that need ${wanted[*]} are skipped" >&2
  exit 0
fi
cat >&2 <<MESSAGE
portico: the tests need packages that are not installed: ${missing[*]}
On Debian or Ubuntu: sudo apt-get install ${missing[*]}
On other systems, use the system's package manager. PORTICO_CHROMIUM names a Chromium or Chrome outside the PATH.
MESSAGE
exit 1
