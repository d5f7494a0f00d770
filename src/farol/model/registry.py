"""The versions of each task's model under one folder, and which of them is served.

`artifacts/<task>/promoted.json` names the served version and those served before it, the latest last. It is replaced
in one step, so that a reader sees the old choice or the new one, and never half of one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from farol.errors import BundleError, Place, reason_of
from farol.files import canonical_json, parse_json, replace_file
from farol.i18n import Message, msg
from farol.model.bundle import Bundle, Manifest, disk_trouble, read_bundle

PROMOTED = "promoted.json"
LOCK_SECONDS = 10.0
"""How long a promotion waits for another one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a task. It is verified when `problem` is None; then it has a manifest."""

    task: str
    version: str
    path: Path
    promoted: bool
    manifest: Manifest | None
    problem: BundleError | None


@dataclass(frozen=True, slots=True)
class _Choice:
    """What promoted.json says."""

    version: str | None
    history: tuple[str, ...]

    def to_json(self) -> bytes:
        return canonical_json({"version": self.version, "history": self.history})


@dataclass(frozen=True, slots=True)
class Registry:
    """All models under `artifacts`. Nothing is kept in memory: each question reads the folder as it is now."""

    artifacts: Path

    def tasks(self) -> list[str]:
        """The names of the tasks that have at least one version, sorted."""
        return [name for name in _folders(self.artifacts) if _versions(self.artifacts / name)]

    def versions(self, task: str) -> list[Entry]:
        """Every version of a task, verified now, sorted by name; empty for a task without any.

        None is marked as promoted where promoted.json is damaged: `promoted` says so.
        """
        try:
            promoted = self.promoted(task)
        except BundleError:
            promoted = None
        return [self._entry(task, version, promoted) for version in self._known(task)]

    def promoted(self, task: str) -> str | None:
        """The version served, or None. BundleError when promoted.json is damaged."""
        return self._choice(task).version

    def stamps(self) -> dict[str, tuple[int, int]]:
        """The tasks of which a version was ever chosen, the latest choice first, each with a stamp.

        A stamp is another one than before when a version may have been chosen since; it costs one `stat`.
        """
        stamps = {}
        for task in _folders(self.artifacts):
            with suppress(OSError):  # nothing is chosen yet; what else is wrong is for `promoted` to say
                status = self._file(task).stat()
                stamps[task] = (status.st_mtime_ns, status.st_ino)
        return dict(sorted(stamps.items(), key=lambda item: -item[1][0]))

    def past(self, task: str) -> tuple[str, ...]:
        """The versions served before the present one, the latest last. BundleError when promoted.json is damaged."""
        return self._choice(task).history

    def load(self, task: str, version: str | None = None) -> Bundle:
        """The bundle of a version, verified; of the promoted one when none is named."""
        chosen = self.promoted(task) if version is None else version
        if chosen is None:
            tasks = self.tasks()
            raise BundleError(
                msg("No version of {task} is promoted.", task=task),
                expected=None if task in tasks or not tasks else msg("one of {names}", names=", ".join(tasks)),
                where=Place(file=str(self.artifacts / task)),
                fix=msg("Train one with `farol train WORKBOOK`. {choose}", choose=_choose_one(task))
                if tasks
                else msg(
                    "Train one with `farol train WORKBOOK`. If your models are in another folder, name it with "
                    "--artifacts or FAROL_ARTIFACTS."
                ),
            )
        known = self._known(task)
        if chosen not in known:
            raise BundleError(
                msg("There is no version {version} of {task}.", version=chosen, task=task),
                expected=msg("one of {versions}", versions=", ".join(known)) if known else None,
                where=Place(file=str(self.artifacts / task)),
                fix=msg("List the versions with `farol models list`, or train one with `farol train`."),
            )
        bundle = read_bundle(self.artifacts / task / chosen)
        if (bundle.task, bundle.version) != (task, chosen):
            raise BundleError(
                msg("The folder has another name than the model in it."),
                expected=msg("{name}", name=f"{bundle.task}/{bundle.version}"),
                got=msg("{name}", name=f"{task}/{chosen}"),
                where=Place(file=str(self.artifacts / task / chosen)),
                fix=msg("Give the folder its name back."),
            )
        return bundle

    def promote(self, task: str, version: str, *, force: bool = False) -> None:
        """Serve `version` from now on. It is verified first; promoting the served version changes nothing."""
        self.require_promotable(task, version, force=force)
        with self._alone(task):
            current = self._choice(task)
            if current.version == version:
                return
            history = current.history if current.version is None else (*current.history, current.version)
            self._choose(task, _Choice(version, history))

    def require_promotable(self, task: str, version: str, *, force: bool = False) -> None:
        """BundleError for a version that cannot be served or, unless forced, should not be by its own report."""
        bundle = self.load(task, version)
        if not (force or bundle.report["promotable"]):
            raise BundleError(
                msg("By its own report, version {version} of {task} should not be used.", version=version, task=task),
                where=Place(file=str(bundle.path / "report.json"), field="promotion"),
                fix=msg("Its card.html says why. To use it all the same, promote it with --force."),
            )

    def rollback(self, task: str) -> str:
        """Serve the version that was served before, and return it. It is verified first."""
        self._past(task)
        with self._alone(task):
            *history, previous = self._past(task)
            self.load(task, previous)
            self._choose(task, _Choice(previous, tuple(history)))
        return previous

    def _past(self, task: str) -> tuple[str, ...]:
        history = self._choice(task).history
        if not history:
            raise BundleError(
                msg("No version of {task} was promoted before the present one.", task=task),
                where=Place(file=str(self._file(task))),
                fix=_choose_one(task),
            )
        return history

    def _known(self, task: str) -> list[str]:
        # The task is looked up among the folders there are, so that no name in a request leads out of `artifacts`.
        return _versions(self.artifacts / task) if task in _folders(self.artifacts) else []

    def _entry(self, task: str, version: str, promoted: str | None) -> Entry:
        manifest, problem = None, None
        try:
            manifest = self.load(task, version).manifest
        except BundleError as error:
            problem = error
        return Entry(task, version, self.artifacts / task / version, version == promoted, manifest, problem)

    def _file(self, task: str) -> Path:
        return self.artifacts / task / PROMOTED

    def _choice(self, task: str) -> _Choice:
        path = self._file(task)
        try:
            if task not in _folders(self.artifacts) or not path.exists():
                return _Choice(None, ())
            match parse_json(path.read_bytes()):
                case {"version": str(version), "history": [*history]} if all(isinstance(past, str) for past in history):
                    return _Choice(version, tuple(history))
        except (OSError, ValueError, RecursionError) as error:
            raise _unreadable(path, task) from error
        raise _unreadable(path, task)

    def _choose(self, task: str, choice: _Choice) -> None:
        path = self._file(task)
        try:
            replace_file(path, choice.to_json())
        except OSError as error:
            raise BundleError(
                msg("The choice of the version in use cannot be written: {reason}.", reason=reason_of(error)),
                where=Place(file=str(path)),
                fix=msg("Check the free space and the permissions of the folder."),
            ) from error

    @contextmanager
    def _alone(self, task: str) -> Iterator[None]:
        """One promotion at a time, in all processes.

        SQLite's lock is the one lock of the standard library that works on every system and that a process which
        dies cannot leave behind.
        """
        path = self.artifacts / task / ".lock"
        try:
            with closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as lock:
                lock.execute("BEGIN EXCLUSIVE")
                yield
        except sqlite3.Error as error:
            raise BundleError(
                msg("The versions of {task} cannot be locked while one is chosen.", task=task),
                got=msg("{reason}", reason=str(error)),
                where=Place(file=str(path)),
                fix=msg(
                    "If another command is changing the version now, wait for it. Check that the folder can be written."
                ),
            ) from error


def _choose_one(task: str) -> Message:
    return msg(
        "`farol models list` names the versions; choose one with `farol models promote {task} VERSION`.", task=task
    )


def _unreadable(path: Path, task: str) -> BundleError:
    return BundleError(
        msg("{name} does not say which version is in use.", name=PROMOTED),
        where=Place(file=str(path)),
        fix=msg("Delete the file. {choose}", choose=_choose_one(task)),
    )


def _folders(path: Path) -> list[str]:
    """The names of the folders in `path`, sorted; those with a dot in front are work in progress, not ours to show."""
    with disk_trouble(path):
        if not path.is_dir():
            return []
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _versions(path: Path) -> list[str]:
    """Every folder with anything in it: one without a manifest is a damaged version, and shown as such."""
    names = _folders(path)
    with disk_trouble(path):
        return [name for name in names if any((path / name).iterdir())]
