#!/usr/bin/env bash
# Opens Espalier. The first start makes `.venv` beside this folder; arguments go to main.py.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "$root/packaging/environment.sh"

make_environment run
if [ $# -eq 0 ] && [ "$(uname -s)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}${QT_QPA_PLATFORM:-}" ]; then
  echo "The environment is ready, but there is no display to open a window on." >&2
  echo "Start this in a desktop session, or talk in the terminal:  packaging/run.sh chat resources/demo_model" >&2
  exit 1
fi
exec "$root/.venv/bin/python" "$root/main.py" "$@"
