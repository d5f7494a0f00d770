#!/usr/bin/env bash
# Does what the README tells a new user to do, in a fresh clone in an empty folder, and fails where it does not hold:
# `make run` shows a demonstration that says so; `make run WORKBOOK=` a school's own (the real workbook where there is one,
# else the sample) with nothing invented in its log; the first answer with curl's body, both pages, a second start within
# seconds; and `pip install '.[train]'` with `farol demo` in an environment of its own.
set -euo pipefail
project="$(cd "$(dirname "$0")/.." && pwd)"
workbook="${FAROL_PEDE_WORKBOOK:-$project/../shared/data/pede-2022-2024.xlsx}"
folder="$(mktemp -d)"
port="${PORT:-8731}"
base="http://127.0.0.1:$port"
server=""

stop() {
    if [ -n "$server" ]; then kill -TERM -- "-$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    server=""
}
trap 'stop; rm -rf "$folder"' EXIT

fetch() {  # fetch METHOD PATH [JSON]: the body, or failure when the status is not 2xx
    python3 - "$1" "$base$2" "${3:-}" <<'PY'
import sys, urllib.request
method, url, body = sys.argv[1:]
request = urllib.request.Request(url, data=body.encode() or None, method=method,
                                 headers={"Content-Type": "application/json"})
print(urllib.request.urlopen(request, timeout=30).read().decode())
PY
}

expect() {  # expect TEXT METHOD PATH [JSON]: the body holds the text
    local text="$1"; shift
    case "$(fetch "$@")" in *"$text"*) ;; *) echo "$1 $2 does not hold $text" >&2; exit 1 ;; esac
}

start() {  # start SECONDS COMMAND…: in the background, until /ready answers
    local limit="$1"; shift
    set -m; "$@" & server=$!; set +m
    for _ in $(seq $((limit * 2))); do
        if fetch GET /ready >/dev/null 2>&1; then return; fi
        kill -0 "$server" 2>/dev/null || { echo "the service ended before it was ready" >&2; exit 1; }
        sleep 0.5
    done
    echo "not ready after $limit s: $*" >&2; exit 1
}

refuse() {  # refuse TEXT METHOD PATH: the body does not hold the text
    local text="$1"; shift
    case "$(fetch "$@")" in *"$text"*) echo "$1 $2 holds $text" >&2; exit 1 ;; *) ;; esac
}

git clone --quiet "$project" "$folder/farol"
cd "$folder/farol"
banner="invented pupils"

echo "── make run: the demonstration"
start 900 make --silent run PORT="$port"
expect "$banner" GET "/?lang=en"
expect "$banner" GET "/monitoring/dashboard?lang=en"
expect "All in order" GET "/?lang=en"
expect "simulation" GET "/monitoring/predictions?limit=1"
stop
[ ! -e data/farol.db ] || { echo "the demonstration left a database outside its folder" >&2; exit 1; }

[ -e "$workbook" ] || workbook=data/demonstration/sample-workbook.xlsx
options=(run PORT="$port" WORKBOOK="$(realpath "$workbook")")

echo "── make run WORKBOOK=, the first time"
start 300 make --silent "${options[@]}"
refuse "$banner" GET "/?lang=en"
refuse "Severe drift" GET "/?lang=en"
expect "All in order" GET "/?lang=en"
expect "training-sheet" GET "/monitoring/predictions?limit=1"
refuse "simulation" GET "/monitoring/predictions.csv"
body="$(sed -n '/^curl .*\/predict/,/^```/p' README.md | grep -o '{.*}' | head -n 1)"
[ -n "$body" ] || { echo "README.md has no body for /predict" >&2; exit 1; }
answer="$(fetch POST /predict "$body")"
python3 - "$answer" <<'PY'
import json, sys
answer = json.loads(sys.argv[1])
missing = {"prediction", "prediction_label", "probability"} - answer.keys()
sys.exit(f"the answer lacks {missing}") if missing else print({key: answer[key] for key in ("prediction", "prediction_label")})
PY
expect "Farol" GET /
expect "PSI" GET /monitoring/dashboard
expect '"features"' GET "/monitoring/drift?task=current"
stop

echo "── make run WORKBOOK=, the second time: it reuses what is there"
start 30 make --silent "${options[@]}"
stop

echo "── pip install '.[train]' and farol demo, without make"
python3 -m venv "$folder/plain"
"$folder/plain/bin/python" -m pip install --quiet --disable-pip-version-check '.[train]'
mkdir "$folder/empty"
cd "$folder/empty"
start 300 "$folder/plain/bin/farol" demo --port "$port"
expect '"prediction"' POST /predict "$body"
stop
echo "README: everything held"
