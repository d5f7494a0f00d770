#!/usr/bin/env bash
# Sets up what make needs, and does only what is missing.
#
#   scripts/setup.sh run     Farol in .venv with what trains it; it runs from src/
#   scripts/setup.sh test    the same with every extra and with what the tests need
#   scripts/setup.sh serve   a copy of Farol without what trains it, for a server or an image
#   scripts/setup.sh uv      the installer alone
#   scripts/setup.sh system-for-tests   the browser that the tests drive
#
# EXTRAS="parquet postgresql" adds extras of pyproject.toml. PYTHON and VENV name another Python and another folder.
#
# pip installs one wheel by its hash: uv. uv installs what requirements/lock.txt names, by hash. So the result depends
# neither on the machine's pip nor on what was published since.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-python3}"
VENV="${VENV:-.venv}"
LOCK=requirements/lock.txt
# What was set up, and for which Python, folder and lock. It is written last, so that a set-up that was interrupted is
# made anew.
STATE="$VENV/.farol"
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1

fail() { printf 'farol: %s\n' "$1" >&2; exit 1; }

apt_install() {
    local root=()
    command -v apt-get >/dev/null || fail "install this with your package manager, then try again: $1"
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "this needs root. Run as root, then try again: apt-get install $1"
        root=(sudo)
    fi
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null
}

# Sets PYTHON and MADE_BY, its version and place. Where .venv is activated, its own Python answers to the name; an
# environment is made by the one below it.
find_python() {
    command -v "$PYTHON" >/dev/null || fail "no $PYTHON: install Python 3.11 or later, or name it: make PYTHON=python3.12 …"
    local lines
    mapfile -t lines < <("$PYTHON" -c 'import os, sys
print("%s %s" % (sys.version.split()[0], getattr(sys, "base_prefix", "")))
print(getattr(sys, "_base_executable", "") if os.path.realpath(sys.argv[1]) == os.path.realpath(sys.prefix) else "")
print("" if sys.version_info >= (3, 11) else "old")' "$VENV")
    [ "${#lines[@]}" = 3 ] || fail "$PYTHON does not run"
    MADE_BY="${lines[0]}"
    [ -z "${lines[2]}" ] ||
        fail "Python ${MADE_BY%% *} is too old: Farol needs 3.11 or later; name it: make PYTHON=python3.12 …"
    PYTHON="${lines[1]:-$PYTHON}"
}

# pyproject.toml counts as far as it says what to install; the settings of tools come after.
fingerprint() {
    printf '%s | %s | ' "$MADE_BY" "$PWD"
    { sed '/^\[tool\.ruff\]/,$d' pyproject.toml; cat requirements/*.txt scripts/setup.sh; } | cksum
}

make_environment() {
    rm -rf "$VENV"
    if ! "$PYTHON" -m venv "$VENV" >/dev/null 2>&1; then
        # Debian keeps the venv module in a package of its own.
        rm -rf "$VENV"
        apt_install "$(basename "$(readlink -f "$(command -v "$PYTHON")")")-venv"
        "$PYTHON" -m venv "$VENV"
    fi
    PIP_USER=0 "$VENV/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes --target "$VENV/uv" --requirement requirements/uv.txt
    # Some Pythons put setuptools into every environment; the lock says what belongs there.
    "$VENV/uv/bin/uv" pip uninstall --quiet --python "$VENV/bin/python" setuptools
}

# uv does not read pip's settings. Where somebody gave pip an index or a certificate, uv gets them too, unless it has
# its own.
share_pips_settings() {
    local settings section name
    declare -A value=()
    settings="$("$VENV/bin/python" -m pip config list)"
    for section in global install :env:; do
        for name in index-url cert; do
            value[$name]="$(sed -nE "s/^$section\.$name='(.*)'\$/\1/p" <<<"$settings" | grep . || printf '%s' "${value[$name]:-}")"
        done
    done
    if [ -n "${value[index-url]}" ] && [ -z "${UV_INDEX_URL:-}" ]; then
        export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-${value[index-url]}}"
    fi
    if [ -n "${value[cert]}" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-${value[cert]}}"; fi
}

install() { "$VENV/uv/bin/uv" pip install --quiet --python "$VENV/bin/python" --build-constraints "$LOCK" "$@"; }

is_installed() {  # is_installed WORDS…: whether the state has all of them
    local word
    for word in "$@"; do
        grep -qxF -- "$word" "$STATE" || { [[ "$word" == --extra=* ]] && grep -qxF -- --all-extras "$STATE"; } || return 1
    done
}

set_up() {  # set_up editable|copy WORDS…: Farol, and the extras and groups that the words name as uv does
    local form="$1" made words=() extra
    shift
    words=("$@")
    for extra in ${EXTRAS:-}; do words+=("--extra=$extra"); done
    find_python
    # One at a time in one folder.
    if command -v flock >/dev/null; then exec 9<scripts/setup.sh; flock 9; fi
    made="$(fingerprint)"
    if [ "$(head -n 1 "$STATE" 2>/dev/null)" != "$made" ]; then
        make_environment
    elif [ "$form" = editable ] && is_installed "${words[@]}"; then
        return
    else
        mapfile -t -O "${#words[@]}" words < <(tail -n +2 "$STATE")
    fi
    if [[ " ${words[*]} " == *" --all-extras "* ]]; then
        mapfile -t words < <(printf '%s\n' "${words[@]}" | grep -v '^--extra=')
    fi
    rm -f "$STATE"
    share_pips_settings
    if [ "$form" = editable ]; then
        install --require-hashes --constraints "$LOCK" --requirements pyproject.toml "${words[@]}"
        install --no-deps --editable .
    else
        # Whoever serves may not write into the environment, so the bytecode is written here.
        install --compile-bytecode --require-hashes --constraints "$LOCK" --requirements pyproject.toml "${words[@]}"
        install --compile-bytecode --no-deps --reinstall-package farol .
    fi
    if [[ " ${words[*]} " == *" --group=test "* ]]; then
        install --no-deps --require-hashes --target "$VENV/old-pip" --requirements requirements/old-pip.txt
        install --no-deps --require-hashes --target "$VENV/client" --requirements requirements/client.txt
    fi
    printf '%s\n' "$made" "${words[@]}" | awk '!seen[$0]++' >"$STATE"
}

case "${1:-}" in
    run) set_up editable --extra=train ;;
    test) set_up editable --all-extras --group=build --group=test ;;
    serve) set_up copy ;;
    uv) [ -x "$VENV/uv/bin/uv" ] || { find_python; make_environment; } ;;
    system-for-tests)
        command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
            apt_install chromium
        ;;
    *) fail "usage: scripts/setup.sh run|test|serve|uv|system-for-tests" ;;
esac
