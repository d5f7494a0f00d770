"""From the empty site to the lists, over HTTP, as a browser without script does it."""

from __future__ import annotations

import errno
import os
import re
import socket
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from farol.accounts.audit import latest
from farol.accounts.viewer import NOBODY_IN_PARTICULAR
from farol.intake import jobs
from farol.intake.uploads import find_upload, list_uploads, remove_upload
from farol.model.workbook_note import WorkbookNote, write_note
from farol.pupils.forecast import forecast_panel
from farol.settings import MARKER, Settings
from farol.store.database import Store
from farol.web.intake import uploads
from farol.workbook.panel import Panel
from tests.damaging import good_rows
from tests.played import THEN, promoted
from tests.waiting import eventually
from tests.web.conftest import serving
from tests.web.sent import faulty, heading, sent, taken, words
from tests.web.site import settings_in
from tests.workbook.making import pupils, write_xlsx


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_in(tmp_path_factory.mktemp("intake"), max_workbook_bytes=2_000_000)


def test_an_empty_site_says_what_to_do(settings: Settings, site_web: httpx.Client) -> None:
    page = site_web.get("/", params={"lang": "pt-BR"})
    assert "Comece pela planilha do ano" in words(page)
    assert 'class="button main" href="/workbooks?lang=pt-BR"' in page.text
    for jargon in ("farol ", "curl", "--artifacts", "IAN", str(settings.artifacts)):
        assert jargon not in words(page)
    due = words(site_web.get("/administration", params={"lang": "pt-BR"}))
    assert "Ainda não há um modelo em uso. Para treinar um, envie a planilha do ano ." in due
    assert "--artifacts" not in due
    assert "/pupils" not in page.text.partition("<main")[2]


def test_headings_write_a_sheet_and_a_column_as_they_are(site_web: httpx.Client, tmp_path: Path) -> None:
    rows = pupils(40)
    rows[0][rows[0].index("Matem")] = "Arte & <Música>"
    rows[3][rows[0].index("IEG")] = "n/v"
    book = write_xlsx(tmp_path / "ano.xlsx", {"A & B 2024": rows})
    path = taken(site_web, ("ano.xlsx", book.read_bytes()))
    page = site_web.get(path)
    assert heading(page) == "Diga que coluna é “Arte & <Música>”"
    assert "&amp;amp;" not in page.text
    others = [heading(site_web.get(path, params={"step": str(step)})) for step in range(2, 9)]
    assert any("da aba A & B 2024" in other for other in others), others


def test_columns_come_first_and_are_kept_for_next_year(site_web: httpx.Client, tmp_path: Path) -> None:
    path = taken(site_web, faulty(tmp_path))
    page = site_web.get(path)
    assert heading(page) == "Diga que colunas são estes 2 cabeçalhos"
    assert re.search(r'<option value="MATEMATICA" selected>', page.text)
    answer = site_web.post(f"{path}/columns", data={"column-0": "MATEMATICA", "column-1": ""})
    assert answer.status_code == 303
    page = site_web.get(path)
    assert heading(page) == "Corrija 3 linhas da aba PEDE2024" or "Confira 3 linhas" in heading(page)

    name, data = faulty(tmp_path)
    again = taken(site_web, (name, data))
    assert "Diga que" not in heading(site_web.get(again))
    kept = site_web.get("/workbooks/columns")
    assert "Nota Matemátic (ano)" in words(kept)
    assert "Nota de Matemática" in words(kept)
    site_web.post("/workbooks/columns/forget", data={"profile": "pede", "header": "Nota Matemátic {year}"})
    assert "Nota Matemátic" not in words(site_web.get("/workbooks/columns"))


def test_the_fault_stands_in_its_cell_with_its_row(site_web: httpx.Client, tmp_path: Path) -> None:
    path = taken(site_web, faulty(tmp_path))
    pages = [site_web.get(path, params={"step": str(step)}) for step in range(1, 8)]
    page = next(page for page in pages if "3 linhas da aba PEDE2024" in heading(page))
    rows = re.findall(
        r'<th scope="row" class="num">(\d+)</th><td>(.*?)</td><td class="fault"><span>(.*?)</span>', page.text
    )
    assert rows == [("2", "RA-1", "n/v"), ("6", "RA-5", "n/v"), ("8", "RA-7", "n/v")]
    assert "Corrija as células no seu arquivo" in words(page)


def test_a_date_is_shown_as_its_reader_writes_it(site_web: httpx.Client, tmp_path: Path) -> None:
    born = ["03/25/2010", *(datetime(2010, day, 3, tzinfo=UTC).replace(tzinfo=None) for day in range(1, 12))]
    rows = pupils(12, {"Data de Nasc": born})
    path = taken(site_web, ("ano.xlsx", write_xlsx(tmp_path / "a.xlsx", {"PEDE2024": rows}).read_bytes()))
    pages = {
        tag: " ".join(words(site_web.get(path, params={"step": str(n), "lang": tag})) for n in (1, 2, 3, 4))
        for tag in ("pt-BR", "en")
    }
    assert "03/03/2010" in pages["pt-BR"]
    assert "2010-03-03" not in pages["pt-BR"]
    assert "2010-03-03" in pages["en"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("foto.png", b"\x89PNG\r\n\x1a\n" + bytes(200), "Onde"),
        ("PEDE2024.xlsx", b"PK\x03\x04" + bytes(300), "Onde"),
        ("PEDE2024.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le") * 9, "senha"),
        ("PEDE2024.csv", b"\x00\x01\x02" * 99, "Onde"),
    ],
)
def test_a_file_that_is_no_workbook_has_a_clear_answer(
    site_web: httpx.Client, name: str, content: bytes, said: str
) -> None:
    path = taken(site_web, (name, content))
    page = site_web.get(path)
    assert heading(page) in ("Corrija o arquivo e envie de novo", "Diga de que ano é o arquivo")
    assert said in words(page)
    assert "Nada mudou." in words(page)
    assert "accept" not in page.text
    assert site_web.post(f"{path}/accept", data={"kind": "train"}).headers["location"].startswith(path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "Nenhum arquivo foi escolhido."),
        ([("PEDE2024.csv", b"")], "O arquivo está vazio."),
        ([("PEDE2024.csv", b"x" * 2_000_001)], "A planilha é grande demais"),
    ],
)
def test_refused_files_are_named_on_the_same_page(
    site_web: httpx.Client, files: list[tuple[str, bytes]], said: str
) -> None:
    answer = sent(site_web, *files) if files else site_web.post("/workbooks", files={"files": (None, "")})
    assert answer.status_code == 422
    assert said in words(answer)
    assert heading(answer) == "Envie a planilha do ano"


def test_a_body_beyond_the_limit_is_refused_unread(site_web: httpx.Client) -> None:
    answer = sent(site_web, ("PEDE2024.csv", b"x" * 2_200_000))
    assert answer.status_code == 413


@pytest.mark.usefixtures("patience")
def test_no_name_acts_on_the_page(site_web: httpx.Client, tmp_path: Path) -> None:
    """A mark that turns the direction of a file's name, a sheet's, a header's or a cell's text is written out."""
    turned = "\u202e\u2066"
    rows = [[*row, f"valor{turned}"] for row in good_rows()]
    rows[0][-1], rows[1][4] = f"nova{turned}", f"texto{turned}"
    data = write_xlsx(tmp_path / "b.xlsx", {"PEDE2024": rows, f"nota{turned}": [["a"]]}).read_bytes()
    path = taken(site_web, (f"PEDE2024{turned}xslx.exe.xlsx", data))
    pages = [site_web.get("/workbooks"), *(site_web.get(path, params={"step": step}) for step in range(1, 5))]
    pages.append(sent(site_web, (f"x{turned}.xlsx", b"no workbook")))
    for answer in pages:
        assert not set(turned) & set(answer.text), ascii(answer.text)
    assert not set(turned) & set(site_web.get(f"{path}/marked.xlsx").headers["content-disposition"])


def test_more_uploads_at_once_than_places_are_refused_unread(site_web: httpx.Client, tmp_path: Path) -> None:
    """While others are still sending theirs; each has a file on the disk that grows. The next one is taken."""
    host, port = site_web.base_url.host, site_web.base_url.port
    head = b"POST /workbooks HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with ExitStack() as stack:
        for _ in range(uploads.UNDER_WAY):
            connection = stack.enter_context(socket.create_connection((host, port)))
            connection.sendall(head + b"Content-Length: 1000\r\n\r\n--x\r\n")
        eventually(uploads._under_way.locked)
        answer = sent(site_web, faulty(tmp_path))
        assert answer.status_code == 503
        assert "Outras planilhas estão sendo enviadas agora." in words(answer)
        assert site_web.get("/workbooks").status_code == 200
    eventually(lambda: not uploads._under_way.locked())
    assert taken(site_web, faulty(tmp_path))


def test_a_disk_that_takes_no_upload_is_said(
    site_web: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("starlette.datastructures.UploadFile.write", full)
    answer = sent(site_web, ("PEDE2024.csv", b"x" * 1_500_000))
    assert answer.status_code == 422
    assert "O arquivo não pode ser guardado" in words(answer)
    assert "An upload cannot be kept" in caplog.text


def test_a_form_without_files_is_not_even_read(site_web: httpx.Client) -> None:
    answer = site_web.post("/workbooks", data={"files": "x"})
    assert answer.status_code == 415


def test_a_workbook_deleted_while_it_is_read_is_missed_in_words(
    settings: Settings, site_web: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another tab deletes it; or others that are sent at once need its room."""

    def reading(*_request: object) -> Any:
        with Store.open(settings.store_url) as store:
            remove_upload(settings, store, list_uploads(store)[0].id)
        return {}

    monkeypatch.setattr("farol.web.intake.uploads.in_child", reading)
    answer = sent(site_web, faulty(tmp_path))
    assert answer.status_code == 422
    assert "A planilha não está mais aqui." in words(answer)


def test_a_file_without_a_year_is_asked_for_it(site_web: httpx.Client, tmp_path: Path) -> None:
    data = write_xlsx(tmp_path / "b.xlsx", {"Plan1": good_rows()}).read_bytes()
    path = taken(site_web, ("notas.xlsx", data))
    assert heading(site_web.get(path)) == "Diga de que ano é o arquivo"
    site_web.post(f"{path}/columns", data={"year": "2024"})
    assert "2024" in words(site_web.get(path))
    assert site_web.get(path).text.count("/accept") == 0  # one year teaches nothing, and no model is in use
    assert "dois anos seguidos" in words(site_web.get(path))


def test_several_files_are_one_workbook(site_web: httpx.Client, tmp_path: Path) -> None:
    lines = "\n".join(";".join("" if c is None else str(c) for c in row) for row in good_rows()).encode()
    other = write_xlsx(tmp_path / "b.xlsx", {"PEDE2024": pupils(4)}).read_bytes()
    path = taken(site_web, ("PEDE2022.csv", lines), ("PEDE2023.csv", lines), ("ultimo.xlsx", other))
    page = words(site_web.get(path))
    assert all(f"{year} " in page for year in (2022, 2023, 2024))
    site_web.post(f"{path}/delete")
    assert site_web.get(path).status_code == 404


def test_a_demonstration_takes_no_workbook(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.data.mkdir(parents=True)
    (settings.data / MARKER).write_text("")
    with serving(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert 'type="file"' not in client.get("/workbooks").text
        answer = sent(client, ("PEDE2024.csv", b"RA;Fase\n1;2\n"))
        assert answer.status_code == 422
        assert "alunos inventados" in words(answer)


@pytest.fixture
def forecasting(tmp_path: Path, panel: Panel) -> Settings:
    """Of a site whose model has answered for the sheet of 2023."""
    settings = settings_in(tmp_path)
    scorer = promoted(settings.artifacts)
    write_note(settings.artifacts, WorkbookNote("treino.xlsx", "ab", {2022: 30}, {}))
    with Store.open(settings.store_url) as store:
        forecast_panel(scorer, panel, store, year=2023, at=THEN)
    return settings


def test_a_model_in_use_makes_the_lists_of_a_new_year(forecasting: Settings, sample_workbook: Path) -> None:
    with serving(forecasting) as address, httpx.Client(base_url=address, timeout=120) as client:
        path = taken(client, ("ano.xlsx", sample_workbook.read_bytes()))
        job = client.post(f"{path}/accept", data={"kind": "forecast"}).headers["location"]
        running = client.get(job, params={"lang": "pt-BR"})
        assert '<meta http-equiv="refresh"' in running.text or heading(running).startswith("Pronto")
        page = eventually(lambda: _ended(client, job))
        assert page is not None
        assert heading(page) == "Pronto: as listas estão feitas"
        assert 'href="/pupils?lang=pt-BR"' in page.text
        assert "O que aconteceu em 2024: Defasagem no próximo ano" in words(page)
        assert "Aqui está o que foi prometido e o que aconteceu." in words(page)
        assert "arquivo não está mais aqui" in heading(client.get(path, params={"lang": "pt-BR"}))
        first = client.get("/", params={"lang": "pt-BR"})
        assert "As listas de 2024 estão feitas" in words(first)
        assert "Elas vêm de ano.xlsx, planilha enviada em" in words(first)
        assert "O modelo aprendeu com treino.xlsx." in words(first)
        assert 'class="button main" href="/pupils?lang=pt-BR"' in first.text
        assert client.post(f"{job}/cancel").status_code == 303
        assert client.get("/jobs/nothing").status_code == 404
    with Store.open(forecasting.store_url) as store:
        told = [(entry.action, entry.subject) for entry in latest(store, 50)]
        assert ("changed", "job") in told
        assert ("changed", "workbook") in told


def test_a_year_later_the_job_says_what_came_true(forecasting: Settings, sample_workbook: Path) -> None:
    with serving(forecasting) as address, httpx.Client(base_url=address, timeout=120) as client:
        path = taken(client, ("ano.xlsx", sample_workbook.read_bytes()))
        job = client.post(f"{path}/accept", data={"kind": "forecast"}).headers["location"]
        page = eventually(lambda: _ended(client, job))
        assert page is not None
        assert "O que aconteceu em 2024" in words(page)
        plain, _, experts = words(page).partition("Os números, para especialistas")
        assert re.search(r"De cada 10+ alunos apontados, \d+ precisaram mesmo. Prometido: \d+ de cada 10", plain)
        assert "ROC" not in plain
        assert "ROC" in experts


def test_the_end_of_a_training_speaks_plainly(settings: Settings, site_web: httpx.Client) -> None:
    with Store.open(settings.store_url) as store:
        figures = [
            {"measure": name, "name": _both(name), "meaning": _both(""), "greater_is_better": True, "served": None}
            | {"new": {"value": value, "low": 0.1, "high": 0.9}}
            for name, value in (("roc_auc", 0.93), ("precision_top", 0.81), ("recall_top", 0.5))
        ]
        told: dict[str, object] = {
            "task": "next-year",
            "title": _both("Próximo"),
            "state": _both("em defasagem"),
            "version": "2024-x",
        }
        told |= {"served": None, "promotable": True, "reasons": [_both("Supera todas.")], "figures": figures}
        result: dict[str, object] = {
            "tasks": [told],
            "used": {"next-year": "2024-x"},
            "outcomes": [],
            "forecasts": [],
            "left": {},
        }
        job = jobs.begin(store, "train", NOBODY_IN_PARTICULAR, {"file": "ano.xlsx", "upload": "x"}, THEN)
        assert job is not None
        assert jobs.take(store, job.id, THEN)
        assert jobs.end(store, job.id, "done", result, THEN)
    page = site_web.get(f"/jobs/{job.id}", params={"lang": "pt-BR"})
    plain, _, experts = words(page).partition("Os números do teste, para especialistas")
    assert "de cada 10 alunos no topo da lista, 8 estavam em defasagem." in plain
    assert "alcança 5 de cada 10 que estavam em defasagem." in plain
    assert "0,93" not in plain
    assert "0,93" in experts
    assert "Supera todas." in experts


def _both(text: str) -> dict[str, str]:
    return {"pt_BR": text, "en": text}


def _ended(client: httpx.Client, job: str) -> httpx.Response | None:
    page = client.get(job, params={"lang": "pt-BR"})
    return None if "http-equiv" in page.text else page


def test_an_old_model_gone_is_said(site_web: httpx.Client) -> None:
    answer = site_web.post("/jobs/nothing/use", data={"task": "current"})
    assert answer.status_code == 404


def test_nothing_of_a_pupil_is_logged(settings: Settings, site_web: httpx.Client, tmp_path: Path) -> None:
    taken(site_web, faulty(tmp_path))
    with Store.open(settings.store_url) as store:
        assert not any("RA-" in entry.details or entry.student for entry in latest(store, 1_000))
        with store.engine.connect() as connection:
            rows = [str(row) for row in connection.exec_driver_sql("SELECT * FROM uploads")]
    assert rows
    assert not any("RA-1" in row or "n/v" in row for row in rows)


def test_a_workbook_is_not_deleted_where_that_cannot_be_recorded(
    settings: Settings, site_web: httpx.Client, tmp_path: Path
) -> None:
    path = taken(site_web, faulty(tmp_path))
    with Store.open(settings.store_url) as store, store.exclusive() as connection:
        connection.exec_driver_sql("ALTER TABLE audit RENAME TO elsewhere")
    refused = site_web.post(f"{path}/delete").status_code
    with Store.open(settings.store_url) as store:
        with store.exclusive() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO audit")
        assert (refused, find_upload(store, path.rpartition("/")[2]) is not None) == (503, True)
