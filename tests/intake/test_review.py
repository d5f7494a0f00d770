"""The reader's view of a workbook: every format, every damage, and no way to take the service along."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import load_workbook

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
    review = in_child(read_upload, request_for(path))
    assert review["problem"] is None
    assert review["years"][0]["pupils"] == 30
    assert review["account"]["pt_BR"]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_no_damage_is_without_an_answer(tmp_path: Path, name: str) -> None:
    path = write(damaged(name, 1), tmp_path, KINDS[name][1][0])  # tests/workbook has them in every format
    review = read_upload(request_for(path))
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
    review = read_upload(request_for(write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": rows})))
    fault = next(fault for fault in review["faults"] if fault["code"] == "unreadable_text")
    assert (fault["sheet"], fault["column"], fault["count"]) == ("PEDE2022", "IEG", 25)
    assert len(fault["rows"]) == ROWS_SHOWN
    assert fault["rows"][0] == {"row": 2, "code": str(rows[1][0]), "cell": "?1", "rest": []}
    assert fault["mend"]["pt_BR"].startswith("Corrija as células")


def test_what_to_do_fits_the_reason_a_sheet_is_not_read(tmp_path: Path) -> None:
    sheets = {"PEDE2022": pupils(5), "PEDE2022 (2)": pupils(5), "Notas 1": pupils(5)}
    review = read_upload(request_for(write_xlsx(tmp_path / "b.xlsx", sheets)))
    mends = {fault["sheet"]: fault["mend"]["pt_BR"] for fault in review["faults"] if fault["code"] == "unread_sheet"}
    assert mends["Notas 1"].startswith("Se tem alunos, dê a ela um nome com o ano")
    assert mends["PEDE2022 (2)"].startswith("Se esta é a certa, apague a outra")


def test_hidden_rows_are_shown_with_what_to_do(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": pupils(30)})
    book = load_workbook(path)
    for row in range(5, 10):
        book["PEDE2022"].row_dimensions[row].hidden = True
    book.save(path)
    fault = next(fault for fault in read_upload(request_for(path))["faults"] if fault["code"] == "hidden_rows")
    assert (fault["count"], [row["row"] for row in fault["rows"]]) == (5, [5, 6, 7, 8, 9])
    assert "apague essas linhas" in fault["mend"]["pt_BR"]


def test_a_row_without_code_shows_other_cells_but_no_name(tmp_path: Path) -> None:
    rows = [[*row, "Nome" if number == 0 else f"Ana {number}"] for number, row in enumerate(pupils(5))]
    rows[2][0] = None
    review = read_upload(request_for(write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": rows})))
    fault = next(fault for fault in review["faults"] if fault["code"] == "missing_student")
    assert fault["rows"][0]["row"] == 3
    assert fault["rows"][0]["rest"]
    assert "Ana" not in json.dumps(review)


def test_unknown_headers_come_with_what_they_may_be(tmp_path: Path) -> None:
    rows = pupils(5)
    rows[0][rows[0].index("Matem")] = "Nota Matemátic 2022"
    review = read_upload(request_for(write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": rows})))
    (column,) = review["unknown"]
    assert (column["header"], column["likely"], column["year"]) == ("Nota Matemátic 2022", "MATEMATICA", 2022)
    assert "MATEMATICA" in [name for name, _ in column["missing"]]


def test_headers_of_the_site_are_read(tmp_path: Path) -> None:
    rows = pupils(5)
    rows[0][rows[0].index("RA")] = "Chamada"
    path = write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": rows})
    refused = read_upload(request_for(path))
    assert refused["problem"]
    assert [column["header"] for column in refused["unknown"]] == ["Chamada"]
    taught = replace(request_for(path), headers={"student": ["Chamada"], "gone": ["x"]})
    assert read_upload(taught)["problem"] is None


def test_headers_are_asked_only_where_they_would_help(tmp_path: Path) -> None:
    unusable = pupils(5)
    unusable[2][0] = unusable[1][0]  # a code twice
    no_codes, no_values, nobody = pupils(5), [["RA", "Cor da capa"], ["RA-1", "azul"]], pupils(5)
    no_codes[0][0] = "Chamada"
    for row in nobody[1:]:
        row[0] = None
    wanted = {"unusable": (unusable, []), "codes": (no_codes, ["Chamada", "Cor"]), "nobody": (nobody, [])}
    for name, (rows, headers) in wanted.items():
        table = [[*row, "Cor" if at == 0 else "azul"] for at, row in enumerate(rows)]
        review = read_upload(request_for(write_xlsx(tmp_path / f"{name}.xlsx", {"PEDE2022": table})))
        assert review["problem"], name
        assert [column["header"] for column in review["unknown"]] == headers, name
    review = read_upload(request_for(write_xlsx(tmp_path / "values.xlsx", {"PEDE2022": no_values})))
    assert review["problem"]
    assert [column["header"] for column in review["unknown"]] == ["Cor da capa"]


def test_a_file_without_a_year_asks_for_it(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "notas.xlsx", {"Plan1": pupils(5)})
    review = read_upload(request_for(path))
    assert review["asks_year"]
    assert read_upload(request_for(path, year=2024))["years"][0]["year"] == 2024


def test_an_upload_has_the_limits_of_the_settings(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": pupils(5)})
    request = request_for(path)
    with pytest.raises(WorkbookError, match="FAROL_MAX_WORKBOOK_SECONDS"):
        in_child(read_upload, replace(request, limits=replace(request.limits, max_seconds=0.01)))
    with pytest.raises(WorkbookError, match="FAROL_MAX_WORKBOOK_MEMORY"):
        in_child(read_upload, replace(request, limits=replace(request.limits, max_memory=1_000_000)))


def test_a_fault_of_ours_is_a_clear_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_xlsx(tmp_path / "b.xlsx", {"PEDE2022": pupils(5)})
    with pytest.raises(WorkbookError, match="damaged") as refusal:
        in_child(read_upload, replace(request_for(path), headers=7))  # type: ignore[arg-type]
    assert refusal.value.fix is not None
    assert "Error at" in caplog.text


def test_more_than_may_wait_are_refused_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each that waits has a thread of those that answer pages: forty such would leave none."""
    monkeypatch.setattr(child, "WAIT_SECONDS", 3600.0)  # whoever waits here waits for ever
    for _ in range(child.AT_ONCE + child.WAITING):
        assert child._all.acquire(blocking=False)
    try:
        with pytest.raises(ServiceError, match="being read just now"):
            in_child(read_upload, request_for(tmp_path / "b.xlsx"))
    finally:
        for _ in range(child.AT_ONCE + child.WAITING):
            child._all.release()


def test_more_readings_than_places_wait_and_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(child, "WAIT_SECONDS", 0.01)
    for _ in range(child.AT_ONCE):
        assert child._places.acquire(blocking=False)
    try:
        with pytest.raises(ServiceError, match="being read just now"):
            in_child(read_upload, request_for(tmp_path / "b.xlsx"))
    finally:
        for _ in range(child.AT_ONCE):
            child._places.release()
