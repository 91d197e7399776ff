#!/usr/bin/env bash
# Installs the MkDocs that tests and benchmarks compare Portico with, in the versions of requirements.txt, into
# .cache/mkdocs, once for each version of that file. Without Python 3.11 or newer, or without its packages, it says so, and
# those tests are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=internal/testkit/mkdocstest/requirements.txt
home=.cache/mkdocs
[ -z "${PORTICO_MKDOCS:-}" ] || exit 0
! cmp -s "$requirements" "$home/requirements.txt" || exit 0

skipped() {
  echo "portico: $1: the tests with MkDocs are skipped" >&2
  exit 0
}
python=$(command -v python3 || true)
[ -n "$python" ] || skipped "python3 is not installed"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || skipped "$("$python" --version) is older than 3.11"
rm -rf "$home"
mkdir -p .cache
"$python" -m venv "$home" >/dev/null 2>&1 || skipped "python3 -m venv failed (Debian: apt-get install python3-venv)"
echo "portico: installing MkDocs into $home"
"$home/bin/pip" install --quiet --disable-pip-version-check --no-input --timeout 60 -r "$requirements" ||
  { rm -rf "$home"; skipped "the packages of $requirements could not be installed"; }
cp "$requirements" "$home/requirements.txt"
