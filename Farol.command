#!/bin/sh
# Starts Farol by a double click (macOS). The first time it installs what Farol needs. See docs/starting.md.
cd "$(dirname "$0")" || exit 1
if command -v python3 >/dev/null; then
    python3 scripts/start.py "$@" && exit
else
    echo "O Farol precisa do Python 3.11 ou mais novo: instale-o de https://www.python.org/downloads e tente de novo."
    echo "Farol needs Python 3.11 or later: install it from there, then try again."
fi
# The window stays until its reader has read it.
[ -t 0 ] && { printf 'Enter… '; read -r _; }
exit 1
