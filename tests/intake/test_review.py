"""What the reader sees of a workbook: every format, every damage, and no way to take the service along."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from farol.errors import ServiceError, WorkbookError
from farol.i18n import LOCALES
from farol.intake import child
from farol.intake.child import in_child
from farol.intake.review import ROWS_SHOWN, read_upload
from tests.damaging import FORMATS, KINDS, Book, damaged, good_rows, write
from tests.intake.sending import request_for
from tests.workbook.making import pupils, write_xlsx


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_read_in_a_child(tmp_path: Path, form: str) -> None:
    path = write(Book(good_rows()), tmp_path, form)
    review = in_child("review", "read_upload", request_for(path).as_dict())
    assert review["problem"] is None
    assert review["years"][0]["pupils"] == 30
    assert review["account"]["pt_BR"]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_no_damage_is_without_an_answer(tmp_path: Path, name: str) -> None:
    path = write(damaged(name, 1), tmp_path, KINDS[name][1][0])  # tests/workbook has them in every format
    review = read_upload(request_for(path).as_dict())
    assert json.loads(json.dumps(review)) == review
    if review["problem"]:
        assert all(review["problem"]["message"][locale] for locale in LOCALES)
        assert review["problem"]["fix"] or review["asks_year"] or review["unknown"] or review["problem"]["expected"]
    for fault in review["faults"]:
        assert fault["message"]["pt_BR"]
        assert fault["action"]["pt_BR"]


def test_a_fault_shows_its_rows_with_their_numbers(tmp_path: Path) -> None:
    rows = pupils(80)
    at = rows[0].index("IEG")
    for number in range(1, 26):
        rows[number][at] = f"?{number}"
    review = read_upload(request_for(write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": rows})).as_dict())
    fault = next(fault for fault in review["faults"] if fault["code"] == "unreadable_text")
    assert (fault["sheet"], fault["column"], fault["count"]) == ("PEDE2022", "IEG", 25)
    assert len(fault["rows"]) == ROWS_SHOWN
    assert fault["rows"][0] == {"row": 2, "code": str(rows[1][0]), "cell": "?1", "rest": []}
    assert fault["mend"]["pt_BR"].startswith("Corrija as células")


def test_a_row_without_code_shows_other_cells_but_no_name(tmp_path: Path) -> None:
    rows = [[*row, "Nome" if number == 0 else f"Ana {number}"] for number, row in enumerate(pupils(5))]
    rows[2][0] = None
    review = read_upload(request_for(write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": rows})).as_dict())
    fault = next(fault for fault in review["faults"] if fault["code"] == "missing_student")
    assert fault["rows"][0]["row"] == 3
    assert fault["rows"][0]["rest"]
    assert "Ana" not in json.dumps(review)


def test_unknown_headers_come_with_what_they_may_be(tmp_path: Path) -> None:
    rows = pupils(5)
    rows[0][rows[0].index("Matem")] = "Nota Matemátic 2022"
    review = read_upload(request_for(write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": rows})).as_dict())
    (column,) = review["unknown"]
    assert (column["header"], column["likely"], column["year"]) == ("Nota Matemátic 2022", "MATEMATICA", 2022)
    assert "MATEMATICA" in [name for name, _ in column["missing"]]


def test_headers_of_the_site_are_read(tmp_path: Path) -> None:
    rows = pupils(5)
    rows[0][rows[0].index("RA")] = "Chamada"
    path = write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": rows})
    refused = read_upload(request_for(path).as_dict())
    assert refused["problem"]
    assert [column["header"] for column in refused["unknown"]] == ["Chamada"]
    taught = request_for(path).as_dict() | {"headers": {"student": ["Chamada"], "gone": ["x"]}}
    assert read_upload(taught)["problem"] is None


def test_a_file_without_a_year_asks_for_it(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "notas.xlsx", {"Plan1": pupils(5)})
    review = read_upload(request_for(path).as_dict())
    assert review["asks_year"]
    assert read_upload(request_for(path, year=2024).as_dict())["years"][0]["year"] == 2024


def test_a_child_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": pupils(5)})
    with pytest.raises(WorkbookError, match="took too long"):
        in_child("review", "read_upload", request_for(path).as_dict(), seconds=0.01)


def test_a_child_that_breaks_down_is_a_clear_answer() -> None:
    with pytest.raises(WorkbookError, match="broke off") as refusal:
        in_child("review", "read_upload", {})
    assert refusal.value.fix is not None


_HUNGRY = (
    "from farol.intake.child import MEMORY, serve; import io; "
    "serve(lambda request: bytearray(MEMORY), io.BytesIO(b'{}'), io.StringIO())"
)


def test_a_child_has_so_much_memory_and_no_more() -> None:
    pytest.importorskip("resource")
    done = subprocess.run([sys.executable, "-c", _HUNGRY], capture_output=True, check=False)
    assert done.returncode
    assert b"MemoryError" in done.stderr


def test_more_readings_than_places_wait_and_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "WAIT_SECONDS", 0.01)
    with ExitStack() as stack:
        for _ in range(child.AT_ONCE):
            stack.enter_context(child._a_place())
        with pytest.raises(ServiceError, match="being read just now"):
            in_child("review", "read_upload", {})
