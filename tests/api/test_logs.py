"""The lines of the log, in both forms, and the values that are never logged."""

from __future__ import annotations

import json
import logging
import logging.config
import subprocess
import sys
from collections.abc import Iterator

import pytest

from farol.api.logs import JsonLines, RepeatFilter, TextLines, logging_config
from farol.settings import Settings
from tests.api.client import Client

SECRET = "Maria tem 3,5 em IDA"


@pytest.fixture
def failed() -> logging.LogRecord:
    """The record of an exception whose words hold a value."""
    with pytest.raises(ValueError, match="could not convert") as caught:
        float(SECRET)
    told = (caught.type, caught.value, caught.tb)
    return logging.getLogger("farol.x").makeRecord("farol.x", 40, "f", 1, "Ação %d", (1,), told)


@pytest.fixture
def access(shared: Client, caplog: pytest.LogCaptureFixture) -> Iterator[logging.LogRecord]:
    """The record of a request."""
    with caplog.at_level(logging.INFO, "farol.access"):
        shared.get("/monitoring/predictions?task=current", headers={"X-Request-ID": "abc"})
        (record,) = [record for record in caplog.records if record.name == "farol.access"]
        yield record


def test_a_request_is_one_json_object_on_one_line(access: logging.LogRecord) -> None:
    line = JsonLines().format(access)
    assert "\n" not in line
    entry = json.loads(line)
    of_a_request = {"request_id", "method", "route", "status", "milliseconds"}
    assert entry.keys() == {"time", "level", "logger", "message"} | of_a_request
    assert entry["time"].endswith("+00:00")
    assert isinstance(entry["milliseconds"], float)
    del entry["time"], entry["milliseconds"], entry["message"]
    assert entry == {
        "level": "info",
        "logger": "farol.access",
        "request_id": "abc",
        "method": "GET",
        "route": "/monitoring/predictions",
        "status": 200,
    }
    assert "task" not in line


def test_a_request_is_one_line_for_people(access: logging.LogRecord) -> None:
    words = TextLines().format(access).split()
    assert words[1:6] == ["INFO", "farol.access", "GET", "/monitoring/predictions", "200"]
    assert words[0].endswith("+00:00")


def test_an_exception_is_logged_by_kind_and_place_without_words(failed: logging.LogRecord) -> None:
    entry = json.loads(JsonLines().format(failed))
    assert (entry["message"], entry["level"]) == ("Ação 1", "error")
    assert entry["exception"].startswith("ValueError at api/test_logs.py:")
    text = TextLines().format(failed)
    assert "ValueError at api/test_logs.py:" in text
    assert SECRET not in text + str(entry)


def test_an_empty_exception_is_no_trouble() -> None:
    record = logging.getLogger("x").makeRecord("x", 40, "f", 1, "told", (), (None, None, None))
    assert "exception" not in json.loads(JsonLines().format(record))
    assert TextLines().format(record).endswith("told")


WRITE = """
import logging, logging.config, sys
from farol.api.logs import logging_config
from farol.settings import Settings
logging.config.dictConfig(logging_config(Settings(log_level=sys.argv[1], log_format=sys.argv[2])))
for name in ("farol.access", "uvicorn.error", "sqlalchemy.engine"):
    logging.getLogger(name).debug("debug")
    logging.getLogger(name).info("info")
    logging.getLogger(name).warning("warning")
"""


@pytest.mark.parametrize(
    ("level", "ours"),
    [("warning", ["warning"]), ("info", ["info", "warning"]), ("debug", ["debug", "info", "warning"])],
)
def test_the_level_holds_for_us_and_others_log_only_warnings(level: str, ours: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", WRITE, level, "json"], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    told = {
        name: [line["message"] for line in lines if line["logger"] == name] for name in {x["logger"] for x in lines}
    }
    assert told == {"farol.access": ours, "uvicorn.error": ours, "sqlalchemy.engine": ["warning"]}


@pytest.mark.parametrize(("name", "form"), [("text", TextLines), ("json", JsonLines)])
def test_the_form_is_a_setting(monkeypatch: pytest.MonkeyPatch, name: str, form: type) -> None:
    monkeypatch.setenv("FAROL_LOG_FORMAT", name)
    assert logging_config(Settings())["formatters"]["lines"]["()"] is form


def test_the_same_fault_is_logged_once_a_second_others_at_once() -> None:
    now = 100.0
    repeats = RepeatFilter(lambda: now)

    def told(text: str, level: int = logging.ERROR) -> bool:
        return repeats.filter(logging.LogRecord("farol.api", level, "here", 1, text, None, None))

    assert [told("The disk is full.") for _ in range(3)] == [True, False, False]
    assert told("The database is locked.")
    assert all(told("POST /predict 200", logging.INFO) for _ in range(3))
    now = 101.0
    assert [told("The disk is full.") for _ in range(2)] == [True, False]
    for number in range(1_000):  # the memory stays small
        assert told(f"fault {number}")
    assert len(repeats._told) <= 256


def test_control_characters_forge_no_line_and_no_colour() -> None:
    record = logging.LogRecord("farol", logging.ERROR, "", 0, "no file %s", ("a\nERROR \x1b[31mb\u2028\r.xlsx",), None)
    line = TextLines().format(record)
    assert line.isprintable()
    assert "a\\nERROR \\x1b[31mb" in line
