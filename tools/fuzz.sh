#!/usr/bin/env bash
# Runs every Go fuzzer, and the comparison with the real Nunjucks on new seeds, for the given number of minutes in
# total. A fuzzer writes a failing input to testdata/fuzz of its package; `make test` then tests it. A seed with
# which the comparison fails is printed: add it to the seeds of TestDifferential.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes="${1:?usage: $0 MINUTES}"
mapfile -t fuzzers < <(git grep -o '^func Fuzz[A-Za-z0-9]*' -- '*_test.go')
# The comparison takes as long as four fuzzers.
share=$((minutes * 60 / (${#fuzzers[@]} + 4)))
[ "$share" -gt 0 ] || share=1
echo "fuzz: ${#fuzzers[@]} fuzzers for $share s each, the comparison for $((share * 4)) s"

failed=()
for fuzzer in "${fuzzers[@]}"; do
  package="./$(dirname "${fuzzer%%:*}")"
  name="${fuzzer##*func }"
  echo "fuzz: $name in $package"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "${share}s" "$package" || failed+=("$name in $package")
done

end=$((SECONDS + share * 4))
while [ "$SECONDS" -lt "$end" ]; do
  seed=$((RANDOM << 30 | RANDOM << 15 | RANDOM))
  echo "fuzz: TestDifferential from seed $seed"
  PORTICO_REQUIRE_NODE=1 PORTICO_NUNJUCKS_SEED=$seed PORTICO_NUNJUCKS_CASES=2000 \
    go test -count=1 -run '^TestDifferential$' ./scaffolder/nunjucks || failed+=("TestDifferential from seed $seed")
done

if [ "${#failed[@]}" -gt 0 ]; then
  printf 'fuzz: FAILED: %s\n' "${failed[@]}" >&2
  exit 1
fi
