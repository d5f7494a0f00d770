"""The marked copy of a workbook that was sent, over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

from farol.errors import WorkbookError
from farol.i18n import msg
from farol.intake.child import in_child
from farol.intake.uploads import folder_of, remove_files
from farol.settings import Settings
from farol.web.intake import marked_copy
from tests.waiting import eventually
from tests.web.sent import faulty, heading, taken
from tests.web.site import settings_in
from tests.workbook.making import pupils, write_xlsx

pytestmark = pytest.mark.usefixtures("patience")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_in(tmp_path_factory.mktemp("marked"), max_workbook_bytes=2_000_000)


def test_the_marked_copy_is_a_workbook(site_web: httpx.Client, tmp_path: Path) -> None:
    path = taken(site_web, faulty(tmp_path))
    answer = site_web.get(f"{path}/marked.xlsx", params={"lang": "pt-BR"})
    assert "ano%20%28marcada%29.xlsx" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    book = openpyxl.load_workbook(BytesIO(answer.content))
    comments = [cell.comment.text for row in book["PEDE2024"].iter_rows() for cell in row if cell.comment]
    assert len(comments) >= 3


def mended_but(folder: Path) -> tuple[str, bytes]:
    """A workbook whose headers are known, and that has three faulty cells."""
    rows = pupils(40)
    for number in (1, 5, 7):
        rows[number][rows[0].index("IEG")] = "n/v"
    return "certa.xlsx", write_xlsx(folder / "certa.xlsx", {"PEDE2024": rows}).read_bytes()


def test_the_marked_copy_is_made_before_it_is_asked_for(
    settings: Settings, site_web: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = taken(site_web, mended_but(tmp_path))
    folder = folder_of(settings, path.rpartition("/")[2])
    assert eventually(lambda: list(folder.glob("marked-*.xlsx")))
    monkeypatch.setattr("farol.web.intake.marked_copy.in_child", None)  # a ready copy is not made again
    book = openpyxl.load_workbook(BytesIO(site_web.get(f"{path}/marked.xlsx", params={"lang": "pt-BR"}).content))
    assert len([cell for row in book["PEDE2024"] for cell in row if cell.comment]) == 3


def test_a_copy_that_takes_long_says_so_and_comes(
    site_web: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go = threading.Event()

    def slowly(work: Any, *arguments: Any) -> Any:
        assert may_go.wait(60)
        return in_child(work, *arguments)

    path = taken(site_web, faulty(tmp_path))
    monkeypatch.setattr("farol.web.intake.marked_copy.in_child", slowly)
    monkeypatch.setattr("farol.web.intake.marked_copy.PATIENCE", 0.1)
    for _ in range(2):  # asked for again it is not begun again
        waiting = site_web.get(f"{path}/marked.xlsx", params={"lang": "pt-BR"})
        assert (waiting.status_code, heading(waiting)) == (202, "A cópia marcada está sendo feita")
        assert '<meta http-equiv="refresh" content="2">' in waiting.text
    may_go.set()
    copy = eventually(lambda: _ready(site_web, path))
    assert copy is not None
    assert openpyxl.load_workbook(BytesIO(copy)).sheetnames == ["Farol", "PEDE2024"]


def _ready(client: httpx.Client, path: str) -> bytes | None:
    answer = client.get(f"{path}/marked.xlsx", params={"lang": "pt-BR"})
    return answer.content if answer.status_code == 200 else None


def test_a_copy_that_failed_is_reported_and_tried_again(
    site_web: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_arguments: Any) -> Any:
        raise WorkbookError(msg("The file is damaged."))

    path = taken(site_web, faulty(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr("farol.web.intake.marked_copy.in_child", fails)
        assert site_web.get(f"{path}/marked.xlsx").status_code == 422
    assert site_web.get(f"{path}/marked.xlsx").status_code == 200


@pytest.mark.parametrize("moment", ["before it is opened", "while it is sent"])
def test_a_marked_copy_that_is_deleted_meanwhile(
    site_web: httpx.Client, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = taken(site_web, faulty(tmp_path))
    before, pieces = in_child, marked_copy._pieces

    def deleted() -> None:
        remove_files(settings, path.rpartition("/")[2])

    def writing(*arguments: Any) -> Any:
        written = before(*arguments)
        deleted()
        return written

    def sending(copy: Any) -> Iterator[bytes]:
        deleted()
        return pieces(copy)

    if moment == "while it is sent":
        monkeypatch.setattr(marked_copy, "_pieces", sending)
        answer = site_web.get(f"{path}/marked.xlsx")
        assert answer.status_code == 200
        assert openpyxl.load_workbook(BytesIO(answer.content)).sheetnames
    else:
        monkeypatch.setattr("farol.web.intake.marked_copy.in_child", writing)
        answer = site_web.get(f"{path}/marked.xlsx")
        assert answer.status_code == 303
    assert site_web.get(path, follow_redirects=True).status_code == 200
