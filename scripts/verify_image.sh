#!/usr/bin/env bash
# Builds the image from the Dockerfile and proves, without a Docker engine, what docs/docker.md says of it.
# Needs root, buildah and debootstrap (Debian packages) and network; takes minutes and some gigabytes of $WORK.
#
#   sudo scripts/verify_image.sh
#
# PYTHON_IMAGE   a base image to build on; without it, one is made of Debian with its own Python
# SUITE          of which Debian: trixie (Python 3.13) unless told otherwise, bookworm (3.11)
# PIP_CONF       a pip.conf for the build (an index of your own); it goes in as a build secret
# BUILD_VOLUMES  more for `buildah build`, such as "--volume /srv/wheels:/srv/wheels:ro"
# STORAGE_DRIVER vfs, where overlays cannot be mounted
# DATABASE_URL   an empty PostgreSQL database to try the image against as well
# WORK           a folder for all of it (a temporary one, removed at the end)
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "verify_image: needs root" >&2; exit 1; }
KEEP="${WORK:+yes}"
WORK="${WORK:-$(mktemp -d)}"
IMAGE=localhost/farol:verify
PORT="${PORT:-8765}"
SERVER=""
SCRATCH=""
export BUILDAH_ISOLATION=chroot
buildah() {
    command buildah --root "$WORK/storage" --runroot "$WORK/run" ${STORAGE_DRIVER:+--storage-driver "$STORAGE_DRIVER"} "$@"
}
say() { printf '\n== %s\n' "$*"; }
pass() { printf 'ok: %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

clean() {
    # A server that outlives its test would hold the mounts.
    [ -z "$SERVER" ] || { kill "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; }
    [ -z "$SCRATCH" ] || ! mountpoint --quiet "$SCRATCH/root" || umount --recursive "$SCRATCH/root"
    buildah rm --all >/dev/null 2>&1 || true
    [ -n "$KEEP" ] || rm -rf --one-file-system "$WORK"
}
trap clean EXIT

if [ -z "${PYTHON_IMAGE:-}" ]; then
    SUITE="${SUITE:-trixie}"
    PYTHON_IMAGE="localhost/farol-base:$SUITE"
    if ! buildah images --quiet "$PYTHON_IMAGE" >/dev/null 2>&1; then
        say "a base image of Debian $SUITE and its Python"
        packages=python3,python3-venv,ca-certificates
        # debootstrap does not see that bookworm's distutils is wanted by another name.
        [ "$SUITE" != bookworm ] || packages+=,python3-distutils
        debootstrap --variant=minbase --include="$packages" "$SUITE" "$WORK/base" >"$WORK/debootstrap.log"
        container=$(buildah from scratch)
        buildah add --quiet "$container" "$WORK/base" / >/dev/null
        buildah commit --quiet "$container" "$PYTHON_IMAGE" >/dev/null
        buildah rm "$container" >/dev/null
        rm -rf --one-file-system "$WORK/base"
    fi
fi

say "build the image from the Dockerfile"
# shellcheck disable=SC2086  # BUILD_VOLUMES is a list of words
buildah build --quiet --pull-never --no-cache --build-arg "PYTHON_IMAGE=$PYTHON_IMAGE" \
    ${PIP_CONF:+--secret "id=pip,src=$PIP_CONF"} ${BUILD_VOLUMES:-} --tag "$IMAGE" --file Dockerfile --format docker . \
    >"$WORK/build.log" 2>&1 || { tail -30 "$WORK/build.log" >&2; fail "the build"; }
pass "built"

say "what the image says of itself"
buildah inspect --type image "$IMAGE" >"$WORK/image.json"
python3 - "$WORK/image.json" "$WORK/health.json" <<'PYTHON'
import json, sys
config = json.load(open(sys.argv[1]))["Docker"]["config"]
expected = {
    "User": "10001:10001",
    "Entrypoint": ["farol"],
    "Cmd": ["serve"],
    "StopSignal": "SIGTERM",
    "WorkingDir": "/srv/farol",
    "ExposedPorts": {"8000/tcp": {}},
    "Volumes": {"/srv/farol/artifacts": {}, "/srv/farol/data": {}},
}
for name, value in expected.items():
    assert config[name] == value, (name, config[name])
assert not any("OPEN_NETWORK" in line for line in config["Env"]), config["Env"]
# ONNX Runtime's own builds report to their maker unless told not to before they start.
assert "ORT_DISABLE_TELEMETRY=1" in config["Env"], config["Env"]
assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT"
test = config["Healthcheck"]["Test"]
assert test[0] == "CMD", test
json.dump(test[1:], open(sys.argv[2], "w"))
PYTHON
pass "user, entry point, volumes, stop signal, labels, health check; not open to the network"

CONTAINER=$(buildah from --pull-never "$IMAGE")
ROOT=$(buildah mount "$CONTAINER")

say "what is in it"
found=$(find "$ROOT/srv" "$ROOT/opt" "$ROOT/build" "$ROOT/tmp" "$ROOT/root" "$ROOT/home" \
    \( -iname '*.xls*' -o -iname '*.ods' -o -iname '*.db' -o -iname 'pip.conf' -o -iname '*.whl' \) 2>/dev/null || true)
[ -z "$found" ] || fail "these should not be there: $found"
# Libraries bring small parquet and csv files of their own; Farol's folders must have none.
found=$(find "$ROOT"/opt/farol/lib/python3*/site-packages/farol "$ROOT/srv" -iname '*.csv' -o -iname '*.parquet')
[ -z "$found" ] || fail "these should not be there: $found"
[ ! -s "$ROOT/etc/pip.conf" ] || fail "pip.conf stayed in the image"
[ ! -e "$ROOT/opt/farol/bin/pip" ] || fail "pip is still there"
[ ! -e "$ROOT/opt/farol/uv" ] || fail "uv is still there"
if [ -n "${PIP_CONF:-}" ]; then
    while read -r address; do
        found=$(grep -rIlF -- "$address" "$ROOT/opt/farol" "$ROOT/etc" "$WORK/image.json" || true)
        [ -z "$found" ] || fail "the address of an index stayed in $found"
    done < <(sed -n 's/^[^=]*= *//p' "$PIP_CONF" | tr ' ' '\n' | grep -E '^(https?|file)://' || true)
fi
pass "no workbook, no database, no pip, no uv, no pip.conf, no address of an index"
printf 'sizes: %s MB in all, %s MB of it Farol and its libraries\n' \
    "$(du -sm "$ROOT" | cut -f1)" "$(du -sm "$ROOT/opt/farol" | cut -f1)"

# As compose.yaml runs it: the root read-only, a small /tmp, the two volumes, user 10001, no capability, no new ones.
SCRATCH="$WORK/scratch"
rm -rf --one-file-system "$SCRATCH"
mkdir -p "$SCRATCH"/{root,artifacts,data,workbooks}
chown 10001:10001 "$SCRATCH/artifacts" "$SCRATCH/data"
mount --bind "$ROOT" "$SCRATCH/root"
mkdir -p "$SCRATCH/root/srv/workbooks"
mount -o remount,bind,ro "$SCRATCH/root"
mount -t tmpfs -o noexec,nosuid,nodev,size=256m tmpfs "$SCRATCH/root/tmp"
mount -t proc proc "$SCRATCH/root/proc"
mount --bind "$SCRATCH/artifacts" "$SCRATCH/root/srv/farol/artifacts"
mount --bind "$SCRATCH/data" "$SCRATCH/root/srv/farol/data"
mount --bind "$SCRATCH/workbooks" "$SCRATCH/root/srv/workbooks"
mount -o remount,bind,ro "$SCRATCH/root/srv/workbooks"
mount -t tmpfs -o mode=755,size=64k tmpfs "$SCRATCH/root/dev"
for device in null:3 zero:5 random:8 urandom:9; do mknod -m 666 "$SCRATCH/root/dev/${device%:*}" c 1 "${device#*:}"; done

mapfile -t ENVIRONMENT < <(python3 -c 'import json, sys; print(*json.load(open(sys.argv[1]))["Docker"]["config"]["Env"], sep="\n")' \
    "$WORK/image.json")
MORE=()
inside() {
    # exec all along, so that $! is the program itself and signals reach it.
    exec chroot --userspec=10001:10001 --groups= "$SCRATCH/root" \
        env -i "${ENVIRONMENT[@]}" HOME=/srv/farol FAROL_PORT="$PORT" FAROL_LOCALE=en "${MORE[@]}" \
        setpriv --no-new-privs sh -c 'cd /srv/farol && exec "$@"' sh "$@"
}
run() { (inside "$@"); }

say "who it runs as, and what it may touch"
[ "$(run id -u):$(run id -g)" = 10001:10001 ] || fail "it runs as $(run id)"
run grep -Eq '^CapEff:\s0+$' /proc/self/status || fail "it has capabilities"
for place in / /opt/farol /srv/farol /srv/workbooks; do
    if run sh -c "touch $place/x" 2>/dev/null; then fail "$place can be written"; fi
done
for place in /srv/farol/artifacts /srv/farol/data /tmp; do
    run sh -c "touch $place/x && rm $place/x" || fail "$place cannot be written"
done
pass "user 10001, no capability; writes to its two volumes and /tmp alone"

say "it does not open itself to the network"
code=0
run farol serve >"$WORK/refused.txt" 2>&1 || code=$?
[ "$code" = 2 ] || { cat "$WORK/refused.txt" >&2; fail "farol serve gave exit code $code, not 2"; }
grep -q FAROL_OPEN_NETWORK "$WORK/refused.txt" || fail "the refusal does not say what to do"
pass "without FAROL_OPEN_NETWORK it refuses and says why"
MORE=(FAROL_OPEN_NETWORK=true)

mapfile -d '' -t HEALTH < <(python3 -c 'import json, sys; sys.stdout.write("".join(a + "\0" for a in json.load(open(sys.argv[1]))))' "$WORK/health.json")
start() {
    inside farol serve >"$WORK/serve.log" 2>&1 & # not `run`: its $! would be a shell around it
    SERVER=$!
    for _ in $(seq 60); do
        kill -0 "$SERVER" 2>/dev/null || { cat "$WORK/serve.log" >&2; fail "the server ended"; }
        if python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$PORT/health', timeout=2)" 2>/dev/null; then return; fi
        sleep 0.5
    done
    cat "$WORK/serve.log" >&2
    fail "the server does not answer /health"
}
stop() {
    local code=0
    kill -TERM "$SERVER"
    wait "$SERVER" || code=$?
    SERVER=""
    # uvicorn ends in order and then passes the signal on, hence 143. An orderly end leaves no write-ahead log.
    [ "$code" = 0 ] || [ "$code" = 143 ] || { cat "$WORK/serve.log" >&2; fail "the server ended with $code"; }
    [ ! -e "$SCRATCH/data/farol.db-wal" ] || fail "the database was not closed"
}

say "without a model: alive, not ready"
start
if run "${HEALTH[@]}" 2>/dev/null; then fail "healthy without a model"; fi
stop
pass "/health answers, the health check fails, SIGTERM ends it"

say "train inside, as docs/docker.md has it"
run farol sample /srv/farol/data/sample.xlsx >/dev/null
mv "$SCRATCH/data/sample.xlsx" "$SCRATCH/workbooks/"
chmod 644 "$SCRATCH/workbooks/sample.xlsx"
run farol train /srv/workbooks/sample.xlsx >"$WORK/train.log" 2>&1 || { tail -30 "$WORK/train.log" >&2; fail "farol train"; }
run farol models list
pass "trained from a read-only bind mount into the volume"

say "with a model: ready, answering, keeping what it answered"
start
run "${HEALTH[@]}" || fail "the health check fails"
ask() { python3 - "$PORT" <<'PYTHON'
import json, sys, urllib.request
body = {"IAA": 8.0, "IEG": 7.5, "IPS": 7.0, "IPP": 7.2, "IDA": 6.0, "IPV": 7.0, "IAN": 5.0, "PORTUGUES": 6.0, "MATEMATICA": 5.5, "INGLES": 6.0}
request = urllib.request.Request(
    f"http://127.0.0.1:{sys.argv[1]}/predict", json.dumps(body).encode(), {"Content-Type": "application/json"}
)
answer = json.load(urllib.request.urlopen(request, timeout=10))
assert {"prediction", "prediction_label", "probability"} <= answer.keys(), answer.keys()
assert urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/", timeout=10).status == 200
PYTHON
}
ask || fail "no answer"
stop
start
ask || fail "no answer after a restart"
stop
if grep -qi telemetry "$WORK/serve.log" "$WORK/train.log"; then fail "a library speaks of telemetry"; fi
stored=$(run farol log export /tmp/log.csv >/dev/null && wc -l <"$SCRATCH/root/tmp/log.csv")
[ "$stored" = 3 ] || fail "expected two stored answers and a header, found $stored lines"
[ "$(stat -c %u "$SCRATCH/data/farol.db")" = 10001 ] || fail "the database is not the user's"
pass "healthy; two answers, one before and one after a restart, are both in the log"

if [ -n "${DATABASE_URL:-}" ]; then
    say "the same with PostgreSQL"
    MORE+=(FAROL_DATABASE_URL="$DATABASE_URL")
    start
    run "${HEALTH[@]}" || fail "the health check fails with PostgreSQL"
    ask || fail "no answer with PostgreSQL"
    stop
    stored=$(run farol log export /tmp/postgresql.csv >/dev/null && wc -l <"$SCRATCH/root/tmp/postgresql.csv")
    [ "$stored" = 2 ] || fail "expected one stored answer and a header, found $stored lines"
    pass "ready, answering and storing"
fi

say "all of it held"
