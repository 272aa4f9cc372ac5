#!/usr/bin/env bash
# Runs every check of the project: ruff, mypy, the import rules, then the tests that need no card. Each check runs even
# if one before it failed; the last lines say which did. Arguments go to pytest.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$root/packaging/environment.sh"
make_environment test

cd "$root"
export QT_QPA_PLATFORM="${QT_QPA_PLATFORM:-offscreen}"
python="$root/.venv/bin/python"
failed=()

check() {
  local name="$1"
  shift
  echo "== $name"
  "$@" || failed+=("$name")
}

# All tests run in several processes, each with a stretch of them; one that is done takes over half of another's rest.
run_tests() {
  local together=()
  [ $# -gt 0 ] || together=(--numprocesses logical --maxprocesses 4 --dist worksteal --durations 40)
  "$python" -m pytest -m "not gpu" "${together[@]}" "$@"
}

# The other checks leave a core idle: on it the processor's kernels are compiled, which each test process would do.
compiling=""
if [ $# -eq 0 ]; then
  "$python" -m tests.compile_kernels &
  compiling=$!
fi
check "ruff" "$python" -m ruff check .
check "mypy" "$python" -m mypy
check "import rules" "$root/.venv/bin/lint-imports"
[ -z "$compiling" ] || wait "$compiling" || failed+=("compiling the kernels")
check "tests" run_tests "$@"

if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "All checks passed."
