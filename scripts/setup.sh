#!/usr/bin/env bash
# Sets up what make needs. `run` and `test` fill the environment from a lock with hashes; `system-for-tests` installs
# the browser that the tests drive. Each does only what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-python3}"
VENV="${VENV:-.venv}"

fail() { printf 'farol: %s\n' "$1" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else fail "this needs root: run as root or install sudo, or install by hand: ${*: -1}"
    fi
}

apt_install() {
    command -v apt-get >/dev/null || fail "install these with your package manager, then try again: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

make_environment() {
    command -v "$PYTHON" >/dev/null || fail "no $PYTHON: install Python 3.11 or later, or name it: make PYTHON=python3.12 …"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$("$PYTHON" --version) is too old: Farol needs Python 3.11 or later; name it: make PYTHON=python3.12 …"
    [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1 && return
    rm -rf "$VENV"
    if ! "$PYTHON" -m venv "$VENV" >/dev/null 2>&1; then
        # Debian keeps the venv module in a package of its own.
        rm -rf "$VENV"
        apt_install "$(basename "$(readlink -f "$(command -v "$PYTHON")")")-venv"
        "$PYTHON" -m venv "$VENV"
    fi
}

install_lock() {
    make_environment
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "requirements/$1.txt"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
    touch "$VENV/.installed-$1"
}

case "${1:-}" in
    run|test) install_lock "$1" ;;
    system-for-tests)
        command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
            apt_install chromium
        ;;
    *) fail "usage: scripts/setup.sh run|test|system-for-tests" ;;
esac
