# Makes the private environment; sourced by run.sh and test.sh, which set `root` first. All it does itself is to find a
# Python that can run setup_env.py; the rest of the work is there, where Windows finds it too.

# A Python environment of the caller must not leak into ours.
unset PYTHONHOME PYTHONPATH

# Prints the first Python of at least 3.11. The system's own `python3` comes first: its `venv` is the likeliest to work.
# Each is started, because a name on the PATH may be a version manager's stand-in for nothing.
find_python() {
  local name
  for name in python3 python3.13 python3.12 python3.11 python; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      echo "$name"
      return 0
    fi
  done
  echo "Espalier needs Python 3.11 or newer, and none was found." >&2
  echo "On Debian and Ubuntu this installs it:  sudo apt-get install -y python3 python3-venv" >&2
  return 1
}

# make_environment run|test
make_environment() {
  local python
  python="$(find_python)" || return 1
  "$python" "$root/packaging/setup_env.py" "$1"
}
