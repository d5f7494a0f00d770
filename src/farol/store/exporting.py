"""The log of predictions as CSV: the original system's columns in its order, then ours."""

from __future__ import annotations

import csv
import io
import os
import secrets
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from farol.errors import InputError, Place
from farol.files import sync_folder
from farol.i18n import msg
from farol.model.features import sheet_inputs
from farol.profile import Profile
from farol.store.records import Prediction

_PIECE = 500
_ORIGINAL = ("prediction", "prediction_label", "probability", "timestamp")
_OURS = ("prediction_id", "task", "model_version", "source", "threshold", "warnings", "student")
_RUNS = ("=", "+", "-", "@", "\t", "\r")


def columns_of(profile: Profile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The inputs of all tasks of a profile, once each: the features, and apart from them the context."""
    context = dict.fromkeys(name for task in profile.tasks.values() for name in task.context)
    inputs = dict.fromkeys(name for task in profile.tasks.values() for name in sheet_inputs(profile, task))
    return tuple(name for name in inputs if name not in context), tuple(context)


def write_csv(rows: Iterable[Prediction], profile: Profile, timezone: str | ZoneInfo) -> Iterator[str]:
    """The CSV in pieces of some hundred lines (RFC 4180), the header first; memory stays constant.

    The features, prediction, prediction_label, probability, timestamp (ISO 8601 with the offset of `timezone`), then
    prediction_id, task, model_version, source, threshold, warnings (codes separated by spaces), student, then the
    context. An input that was missing or not given is an empty cell, and so are prediction and probability where there
    was no answer, and a student that was not given. A text that a spreadsheet would run as a formula gets an apostrophe
    in front; numbers are left as they are.
    """
    zone = timezone if isinstance(timezone, ZoneInfo) else ZoneInfo(timezone)
    features, context = columns_of(profile)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow((*features, *_ORIGINAL, *_OURS, *context))
    pending = iter(rows)
    while True:
        piece = list(islice(pending, _PIECE))
        writer.writerows(_cells(row, features, context, zone) for row in piece)
        if text := buffer.getvalue():
            yield text
        if not piece:
            return
        buffer.seek(0)
        buffer.truncate()


def write_csv_file(rows: Iterable[Prediction], path: Path, profile: Profile, timezone: str | ZoneInfo) -> int:
    """Writes the CSV to a file (UTF-8), whole or not at all, and makes the folder. Gives the number of rows.

    Raises InputError when the file cannot be written.
    """
    counted = 0

    def counting() -> Iterator[Prediction]:
        nonlocal counted
        for row in rows:
            counted += 1
            yield row

    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with fresh.open("x", encoding="utf-8", newline="") as file:
                file.writelines(write_csv(counting(), profile, timezone))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise InputError(
            msg("The file cannot be written: {reason}.", reason=error.strerror or str(error)),
            where=Place(file=str(path)),
        ) from error
    return counted


def _cell(value: float | str | None) -> object:
    return _harmless(value) if isinstance(value, str) else value


def _cells(row: Prediction, features: tuple[str, ...], context: tuple[str, ...], zone: ZoneInfo) -> list[object]:
    return [
        *(_cell(row.features.get(name)) for name in features),
        row.prediction,
        _harmless(row.label),
        row.probability,
        row.at.astimezone(zone).isoformat(),
        row.id,
        _harmless(row.task),
        _harmless(row.version),
        row.source,
        row.threshold,
        _harmless(" ".join(row.warnings)),
        None if row.student is None else _harmless(row.student),
        *(_cell(row.features.get(name)) for name in context),
    ]


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_RUNS) else text
