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

# The tests of kernels take one core and half of the time: they run beside the others. Chosen tests run alone.
run_tests() {
  if [ $# -gt 0 ]; then
    "$python" -m pytest -m "not gpu" "$@"
    return
  fi
  local log status=0
  log="$(mktemp)"
  "$python" -m pytest -m "not gpu" -o cache_dir=.pytest_cache/kernels tests/gpu tests/engine/cpu >"$log" 2>&1 &
  local kernels=$!
  "$python" -m pytest -m "not gpu" --ignore tests/gpu --ignore tests/engine/cpu || status=$?
  wait "$kernels" || status=$?
  echo "== tests of kernels"
  cat "$log"
  rm -f "$log"
  return "$status"
}

check "ruff" "$python" -m ruff check .
check "mypy" "$python" -m mypy
check "import rules" "$root/.venv/bin/lint-imports"
check "tests" run_tests "$@"

if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "All checks passed."
