"""A double click on Farol.command, Farol.bat or Farol.desktop runs this: set up Farol if need be, then open its pages.

It needs a Python and nothing else, so it is plain enough for an old one to read and to say that it is too old. Where
there is a bash of this century, `scripts/setup.sh run` sets up, as `make run` does. Elsewhere (Windows, macOS as it
comes) the same steps are taken here: pip installs uv by its hash, and uv what the lock names, by hash.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
VENV = PROJECT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
LOCK = PROJECT / "requirements" / "lock.txt"
STATE = VENV / ".farol-start"
OLDEST = (3, 11)
NEWEST_BASH_OF_MACOS = 3


def main(command: tuple[str, ...]) -> int:
    """Set up, then run `farol` with these arguments; its exit code."""
    os.chdir(PROJECT)
    if sys.version_info < OLDEST:
        say(
            "O Farol precisa do Python 3.11 ou mais novo: instale-o de python.org e tente de novo.",
            "Farol needs Python 3.11 or later: install it from python.org, then try again.",
        )
        return 1
    try:
        set_up()
    except (OSError, subprocess.CalledProcessError) as error:
        say(
            f"Não foi possível preparar o Farol. É preciso estar ligado à internet na primeira vez. ({error})",
            f"Farol could not be set up. The first time it needs the internet. ({error})",
        )
        return 1
    return subprocess.call([str(BIN / "farol"), *command])


def set_up() -> None:
    """Fill .venv, unless it is filled already; the first time that takes some minutes."""
    if has_new_bash():
        run(["bash", "scripts/setup.sh", "run"], dict(os.environ, PYTHON=sys.executable))
        return
    made = fingerprint()
    if STATE.is_file() and STATE.read_text() == made:
        return
    say("Preparando o Farol. Leva alguns minutos.", "Setting up Farol. It takes some minutes.")
    shutil.rmtree(VENV, ignore_errors=True)
    venv.create(VENV, with_pip=True)
    python = str(BIN / "python")
    quiet = ["-qq", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    uv_folder = VENV / "uv"
    run([python, "-m", "pip", "install", *quiet, "--target", str(uv_folder), "--requirement", "requirements/uv.txt"])
    install = [str(uv_folder / "bin" / "uv"), "pip", "install", "--quiet", "--python", python]
    install += ["--build-constraints", str(LOCK)]
    run(
        [
            *install,
            "--require-hashes",
            "--constraints",
            str(LOCK),
            "--requirements",
            "pyproject.toml",
            "--extra",
            "train",
        ]
    )
    run([*install, "--no-deps", "--editable", "."])
    STATE.write_text(made)


def has_new_bash() -> bool:
    """Whether there is a bash that reads scripts/setup.sh; on Windows another system's may answer to the name."""
    bash = None if os.name == "nt" else shutil.which("bash")
    if bash is None:
        return False
    version = subprocess.check_output([bash, "-c", "echo ${BASH_VERSINFO[0]}"])
    return int(version) > NEWEST_BASH_OF_MACOS


def fingerprint() -> str:
    """Of the Python, the folder and the packages."""
    sums = [hashlib.sha256((PROJECT / name).read_bytes()).hexdigest() for name in ("pyproject.toml", LOCK)]
    return " ".join([sys.version.split()[0], str(PROJECT), *sums])


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, check=True, env=environment)


def say(portuguese: str, english: str) -> None:
    print(portuguese, english, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:]) or ("open", "--launched")))
