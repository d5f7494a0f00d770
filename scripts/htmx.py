"""Lays htmx into the static files of the pages, from npm's registry, checked by its hash: it is not in git.

    python scripts/htmx.py            with the machine's npm
    python scripts/htmx.py NODE NPM   with another one

Where the files are there already, nothing is asked. Python's own library is enough. `scripts/setup.sh` calls it; before
building a wheel by hand, call it yourself.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from base64 import b64encode
from pathlib import Path

PACKAGE = "htmx.org@4.0.1"
INTEGRITY = "sha512-oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg=="
"""As npm's registry and its lock files name it: of the package's archive."""
FILES = {
    "htmx.min.js": ("package/dist/htmx.min.js", "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"),
    "hx-csp.min.js": (
        "package/dist/ext/hx-csp.min.js",
        "a7e1e6711ae6c3e50ad300fba7936cbe8d07599cdae313414a179ddd6b26e143",
    ),
}
"""Name → its place in the archive, and its SHA-256."""
FOLDER = Path(__file__).resolve().parents[1] / "src" / "farol" / "web" / "static" / "vendor"
SECONDS = 120


def is_laid_in() -> bool:
    """Whether the files are there, byte for byte."""
    paths = {FOLDER / name: digest for name, (_, digest) in FILES.items()}
    return all(path.is_file() and _sha256(path.read_bytes()) == digest for path, digest in paths.items())


def lay_in(npm: list[str]) -> None:
    """Get the package and lay its files in. OSError, SubprocessError or ValueError where that cannot be done."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", folder, PACKAGE]
        subprocess.run(command, check=True, timeout=SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tgz")
        digest = b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != INTEGRITY:
            raise ValueError("the archive is not the one that its hash names")
        FOLDER.mkdir(exist_ok=True)
        with tarfile.open(archive) as package:
            for name, (member, _) in FILES.items():
                file = package.extractfile(member)
                if file is not None:
                    (FOLDER / name).write_bytes(file.read())
    if not is_laid_in():
        raise ValueError("a file is not the one that its hash names")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main(npm: list[str]) -> int:
    """0 when the files are there, 1 when they could not be had; the pages work without."""
    if is_laid_in():
        return 0
    installed = shutil.which("npm")
    if not npm and installed is None:
        return 1
    try:
        lay_in(npm or [str(installed)])
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        shutil.rmtree(FOLDER, ignore_errors=True)
        print(f"farol: no {PACKAGE} from npm's registry ({type(error).__name__}: {error})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
