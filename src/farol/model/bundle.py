"""A trained model as an immutable folder, `artifacts/<task>/<version>/`: write, verify, read.

The manifest names every file with its size and sha256, and the version is a hash of the manifest, so that one changed
bit anywhere is found. There is no time in it: the same training gives the same bytes, and so the same version.
Nothing in a bundle is ever executed or unpickled.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

import farol
from farol.errors import BundleError, Place, reason_of
from farol.files import canonical_json, parse_json, sync_folder, write_file
from farol.i18n import Message, count, msg
from farol.model.features import Preprocessing
from farol.model.inputs import Inputs
from farol.model.reference import Reference
from farol.model.risk_bands import Support, bands_of, prevalence_range
from farol.model.trained import TrainedModel
from farol.model.vocabulary import nominal_features, with_words
from farol.profile import Profile, Task, parse_profile

FORMAT = 1
"""The format version we write, and the only one we read."""

MANIFEST = "manifest.json"
FILES = (
    "card.html",
    "model.json",
    "model.onnx",
    "preprocessing.json",
    "profile.toml",
    "reference.json",
    "report.json",
)
"""What a bundle consists of, besides its manifest: no more, no less."""

MANIFEST_BYTES = 1_000_000
"""Largest manifest we read: ours have about two thousand bytes."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """Size in bytes and hexadecimal sha256 of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself. `libraries` are those that trained it; `headline` the metrics a list shows."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    format: int
    task: str
    version: str
    farol: str
    libraries: Mapping[str, str]
    profile_fingerprint: str
    data_fingerprint: str
    train_years: tuple[int, ...]
    test_years: tuple[int, ...]
    last_year: int
    seed: int
    features: tuple[str, ...]
    threshold: float
    headline: Mapping[str, float]
    files: Mapping[str, FileEntry]


_YEARS = range(1900, 2101)
"""What a period of the calendar is; others are numbers of terms."""

_MANIFEST_SHAPE = TypeAdapter(Manifest)


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A verified bundle, in memory. `notes` are doubts that do not forbid using it, such as other library versions."""

    path: Path
    manifest: Manifest
    profile: Profile = field(repr=False)
    task_spec: Task = field(repr=False)
    inputs: Inputs = field(repr=False)
    preprocessing: Preprocessing = field(repr=False)
    reference: Reference = field(repr=False)
    report: Mapping[str, Any] = field(repr=False)
    support: Support = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)
    notes: tuple[Message, ...]

    @property
    def task(self) -> str:
        """The name of the task."""
        return self.manifest.task

    @property
    def version(self) -> str:
        """The version, also the folder's name."""
        return self.manifest.version

    @property
    def served_years(self) -> tuple[int, ...]:
        """The years whose rows the model in use learned from: after its test it learns once more from all there are."""
        return tuple(self.report["served"]["years"])

    @property
    def served_names(self) -> tuple[str, ...]:
        """How readers call the years or terms of `served_years`; none where rows have neither."""
        return self.profile.period_names(self.served_years)

    def present_period(self, calendar: int) -> int:
        """The year or term of values for which none is given; `calendar` is this year.

        Terms, and rows without a year, have numbers of their own, with which a calendar's year cannot be compared: the
        last one known counts for them.
        """
        last = self.manifest.last_year
        return calendar if last in _YEARS else last

    @property
    def onnx(self) -> bytes:
        """The model for scoring."""
        return self.files["model.onnx"]


def write_bundle(
    artifacts: Path, trained: TrainedModel, *, tell: Callable[[Message], None] = lambda _message: None
) -> Path:
    """Store a trained model as `artifacts/<task>/<version>` and return that folder.

    A version that is there already and verifies is left as it is. One that is damaged is moved aside, not deleted,
    and `tell` receives a message. Readers see the whole folder or none. Raises BundleError when the disk refuses, or
    when the parts of the model do not fit together.
    """
    manifest = _manifest_of(trained)
    folder = artifacts / manifest.task / manifest.version
    fresh = folder.with_name(f".{manifest.version}.{secrets.token_hex(4)}")
    with disk_trouble(folder):
        if folder.exists():
            try:
                return read_bundle(folder).path
            except BundleError as error:
                damage = error
        else:
            damage = None
        fresh.mkdir(parents=True)
        try:
            for name, content in trained.files.items():
                write_file(fresh / name, content)
            write_file(fresh / MANIFEST, canonical_json(asdict(manifest)))
            sync_folder(fresh)
            read_bundle(fresh)
            if damage is not None:
                _move_aside(folder, damage, tell)
            _publish(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        sync_folder(folder.parent)
        sync_folder(artifacts)
    return folder


def read_bundle(path: Path) -> Bundle:
    """Verify every file of the bundle in folder `path`, then read it; BundleError names the file and the difference."""
    with disk_trouble(path):
        if not path.is_dir():
            raise BundleError(msg("There is no model here."), where=Place(file=str(path)), fix=_TRAIN)
        plain = {entry.name: entry.is_file(follow_symlinks=False) for entry in os.scandir(path)}
        for name in (MANIFEST, *FILES):
            if name not in plain:
                raise _damaged(path, name, msg("The file {name} of the model is missing.", name=name))
        # Only names that the folder itself lists are opened, so no name in a manifest can lead elsewhere.
        for name, is_plain in sorted(plain.items()):
            if name not in (MANIFEST, *FILES):
                raise _damaged(
                    path, name, msg("The model's folder has a file that is not the model's: {name}.", name=name)
                )
            if not is_plain:
                raise _damaged(path, name, msg("{name} is not a plain file.", name=name))
        with _meaning(path, MANIFEST):
            manifest = _read_manifest(path)
        files = {name: _read_file(path, name, manifest.files[name]) for name in FILES}
    return _assemble(path, manifest, files)


_TRAIN = msg("Train a model with `farol train`.")
_REPAIR = msg("Use another version, or train again: the same data gives the same version back.")


def _damaged(path: Path, name: str, problem: Message, **parts: Message) -> BundleError:
    return BundleError(problem, where=Place(file=str(path / name)), fix=_REPAIR, **parts)


@contextmanager
def disk_trouble(path: Path) -> Iterator[None]:
    """An OSError becomes a BundleError that names the file, or else `path`."""
    try:
        yield
    except OSError as error:
        raise BundleError(
            msg("The model cannot be read or written: {reason}.", reason=reason_of(error)),
            where=Place(file=str(error.filename or path)),
            fix=msg("Check the free space and the permissions of the folder."),
        ) from error


def _manifest_of(trained: TrainedModel) -> Manifest:
    if tuple(sorted(trained.files)) != FILES:
        raise ValueError(f"a model has the files {FILES}, not {tuple(sorted(trained.files))}")
    content: dict[str, object] = {
        "format": FORMAT,
        "task": trained.task,
        "farol": farol.__version__,
        "libraries": dict(trained.libraries),
        "profile_fingerprint": trained.profile_fingerprint,
        "data_fingerprint": trained.data_fingerprint,
        "train_years": list(trained.train_years),
        "test_years": list(trained.test_years),
        "last_year": trained.last_year,
        "seed": trained.seed,
        "features": list(trained.features),
        "threshold": trained.threshold,
        "headline": dict(trained.headline),
        "files": {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in trained.files.items()
        },
    }
    version = _version(trained.last_year, content)
    return _MANIFEST_SHAPE.validate_json(canonical_json({**content, "version": version}))


def _version(last_year: int, content: Mapping[str, object]) -> str:
    return f"{last_year}-{hashlib.sha256(canonical_json(content)).hexdigest()[:10]}"


def _read_manifest(path: Path) -> Manifest:
    source = _read_at_most(path / MANIFEST, MANIFEST_BYTES)
    try:
        content = parse_json(source)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, MANIFEST, msg("{name} is not JSON.", name=MANIFEST)) from error
    if not isinstance(content, dict) or type(content.get("format")) is not int:
        raise _damaged(path, MANIFEST, msg("{name} does not say in which format the model is.", name=MANIFEST))
    if content["format"] != FORMAT:
        raise BundleError(
            msg("The model is in another format than this Farol reads ({name}).", name=MANIFEST),
            expected=msg("format {format}", format=FORMAT),
            got=msg("format {format}", format=content["format"]),
            where=Place(file=str(path / MANIFEST), field="format"),
            fix=msg("Train again, or use the Farol that made it."),
        )
    try:
        manifest = _MANIFEST_SHAPE.validate_json(source)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(str(part) for part in problem["loc"]) for problem in error.errors()}))
        raise _damaged(
            path, MANIFEST, msg("{name} is not as it should be in: {fields}.", name=MANIFEST, fields=fields)
        ) from None
    stated = content.pop("version")
    version = _version(manifest.last_year, content)
    if stated != version or canonical_json(asdict(manifest)) != source:
        raise _damaged(
            path,
            MANIFEST,
            msg("{name} was changed after the model was written.", name=MANIFEST),
            expected=msg("version {version}", version=version),
            got=msg("version {version}", version=manifest.version),
        )
    if tuple(sorted(manifest.files)) != FILES:
        raise _damaged(path, MANIFEST, msg("{name} does not list the files of a model.", name=MANIFEST))
    return manifest


def _read_file(path: Path, name: str, entry: FileEntry) -> bytes:
    size = (path / name).stat().st_size
    data = _read_at_most(path / name, entry.size) if size == entry.size else b""
    if len(data) != entry.size:
        raise _damaged(
            path,
            name,
            msg("{name} has another size than when the model was written.", name=name),
            expected=msg("{count} bytes", count=count(entry.size)),
            got=msg("{count} bytes", count=count(size)),
        )
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry.sha256:
        raise _damaged(
            path,
            name,
            msg("{name} was changed after the model was written.", name=name),
            expected=msg("sha256 {digest}", digest=entry.sha256),
            got=msg("sha256 {digest}", digest=digest),
        )
    return data


def _read_at_most(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit)


def _assemble(path: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Bundle:
    """What the verified bytes mean. They are as they were written, so trouble here is the training's."""
    with _meaning(path, "profile.toml"):
        profile = parse_profile(files["profile.toml"], str(path / "profile.toml"))
        task = profile.tasks[manifest.task]
    with _meaning(path, "preprocessing.json"):
        preprocessing = Preprocessing.from_json(files["preprocessing.json"])
        words = nominal_features(profile, task).keys()
        profile = with_words(profile, preprocessing.words)
    with _meaning(path, "reference.json"):
        reference = Reference.from_json(files["reference.json"])
    with _meaning(path, "report.json"):
        report = _read_report(files["report.json"])
        support = Support.of(report["support"], task.features, task.hidden)
    binned = tuple(bins.feature for bins in reference.features)
    for name, agrees in (
        ("profile.toml", profile.fingerprint == manifest.profile_fingerprint and task.features == manifest.features),
        ("preprocessing.json", preprocessing.features == manifest.features and preprocessing.words.keys() == words),
        ("reference.json", binned == manifest.features),
        ("report.json", report["task"] == manifest.task),
        (MANIFEST, 0.0 < manifest.threshold < 1.0),
    ):
        if not agrees:
            raise _damaged(path, name, msg("{name} does not fit the rest of the model.", name=name))
    return Bundle(
        path=path,
        manifest=manifest,
        profile=profile,
        task_spec=task,
        inputs=Inputs.of(profile, task),
        preprocessing=preprocessing,
        reference=reference,
        report=report,
        support=support,
        files=files,
        notes=tuple(_notes(manifest)),
    )


def _read_report(source: bytes) -> dict[str, Any]:
    """The report. ValueError, TypeError or KeyError where it lacks what Farol reads of every report."""
    report: Any = parse_json(source)
    bands_of(report), prevalence_range(report)
    if not (
        isinstance(report["promotable"], bool)
        and all(isinstance(year, int) for year in report["served"]["years"])
        and {"task", "test"} <= report.keys()
    ):
        raise TypeError("not a report")
    return dict(report)


@contextmanager
def _meaning(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except (BundleError, OSError):
        raise
    except Exception as error:
        raise _damaged(path, name, msg("{name} does not fit the rest of the model.", name=name)) from error


def _notes(manifest: Manifest) -> Iterator[Message]:
    if manifest.farol.split(".")[:2] != farol.__version__.split(".")[:2]:
        yield msg(
            "The model was made by Farol {then}, and this is Farol {now}.", then=manifest.farol, now=farol.__version__
        )
    for name, then in manifest.libraries.items():
        now = _installed(name)
        if now is not None and now.split(".")[0] != then.split(".")[0]:
            yield msg("The model was made with {name} {then}, and here is {now}.", name=name, then=then, now=now)


def _installed(library: str) -> str | None:
    """The version of a library here, found without importing it; xgboost is also packaged as xgboost-cpu."""
    for name in (library, f"{library}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _move_aside(folder: Path, damage: BundleError, tell: Callable[[Message], None]) -> None:
    aside = folder.with_name(f".damaged-{folder.name}-{secrets.token_hex(4)}")
    folder.rename(aside)
    tell(
        msg(
            "Version {version} was there, but damaged ({problem}); it is now in {aside}, and a good one in its place.",
            version=folder.name,
            problem=damage.problem,
            aside=str(aside),
        )
    )


def _publish(fresh: Path, folder: Path) -> None:
    try:
        fresh.rename(folder)
    except OSError:
        if not folder.exists():
            raise
        # Another process wrote the same version meanwhile; it is the same bytes, if it is good.
        read_bundle(folder)
