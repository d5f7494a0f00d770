"""How the service logs: lines for people or JSON objects, one a line, to standard error."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Any

from farol.settings import Settings

FIELDS = "farol"
"""The attribute of a record that holds what a JSON line says beside the message."""

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def logging_config(settings: Settings) -> dict[str, Any]:
    """For `logging.config.dictConfig`: ours and the server's at the level wished for, all others' warnings."""
    formatter = JsonLines if settings.log_format == "json" else TextLines
    level = settings.log_level.upper()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": formatter}},
        "filters": {"repeats": {"()": RepeatFilter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines", "filters": ["repeats"]}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {"farol": {"level": level}, "uvicorn": {"level": level}},
    }


def places(error: BaseException) -> str:
    """Where it happened, the innermost first. A whole traceback could hold a pupil's value in its last line."""
    frames = extract_tb(error.__traceback__)[-8:]
    return " < ".join(f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}" for frame in reversed(frames))


class RepeatFilter(logging.Filter):
    """Lets the same fault through once a second.

    A full disk fails every request, a thousand times a second, and the log may be on the same disk.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to tell it; what is less than a warning always."""
        if record.levelno < logging.WARNING:
            return True
        words, now = (record.name, record.getMessage()), self._clock()
        if now - self._told.get(words, -math.inf) < _REPEAT_SECONDS:
            return False
        if len(self._told) >= _REPEATS_KNOWN:
            self._told.clear()
        self._told[words] = now
        return True


_REPEAT_SECONDS, _REPEATS_KNOWN = 1.0, 256


def one_line(text: str) -> str:
    """The text with line ends and other control characters written out: a file's name forges no line, and no colour."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


class TextLines(logging.Formatter):
    """Time in UTC, level, logger, message; of an exception its kind and places, not its words."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        return one_line(super().formatMessage(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  logging's name
        return _time(record)

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802  logging's name
        return "" if ei[1] is None else _exception(ei[1])


class JsonLines(logging.Formatter):
    """The same as a JSON object, with what the record says beside its message."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["exception"] = _exception(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _exception(error: BaseException) -> str:
    return f"{type(error).__name__} at {places(error)}"
