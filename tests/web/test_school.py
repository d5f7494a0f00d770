"""The pages of pupils through a real server: what they say, to whom, and what they never say."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import openpyxl
import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from farol.accounts.audit import Action, latest
from farol.accounts.site import write_setting
from farol.accounts.viewer import User, UserRole, Viewer
from farol.app import create_app
from farol.school import standings
from farol.school.names import count_names, names_are_on
from farol.school.pupil import PupilRecord, read_pupil
from farol.settings import Settings
from farol.store.database import Store
from farol.store.pupils import revise
from farol.store.tables import cases, pupil_answers, pupil_names, pupil_years
from tests.bundles import put_into_use
from tests.played import LATER, play_until_now
from tests.school.invented import TASK, answer, fill
from tests.waiting import eventually
from tests.web.conftest import serving, serving_app
from tests.web.sent import lasting, text_of
from tests.web.site import settings_in

CAPACITY = "Quantos alunos a equipe consegue atender?"
AS_BROWSER = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, sample_workbook: Path) -> Settings:
    """A school whose forecasts of 2023 have come true, and with the answers of 2024."""
    settings = settings_in(tmp_path_factory.mktemp("school"))
    play_until_now(settings, sample_workbook)
    return settings


@pytest.fixture
def school(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30, headers=AS_BROWSER, params={"lang": "pt-BR"}) as client:
        yield client


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store.open(settings.store_url) as opened:
        yield opened


def test_a_list_is_ready_before_anybody_asks(settings: Settings) -> None:
    app = create_app(settings)
    with serving_app(app), Store.open(settings.store_url) as store:

        def read() -> str | None:
            kept = standings._KEPT.get(app.state.service.store, {}).get("next-year")
            return None if kept is None else kept.revision

        first = eventually(read)
        with store.engine.begin() as connection:
            revise(connection, 1)
        assert eventually(lambda: (now := read()) != first and now)


@pytest.fixture
def as_coordinator(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes whoever asks a coordinator of these classes."""

    def become(*classes: str) -> None:
        user = User("u1", "ana", "Ana Lima", UserRole.coordinator, frozenset(classes))
        monkeypatch.setattr("farol.web.school.answering.viewer_of", lambda _request: Viewer(user))

    return become


def pupils_of(store: Store, group: str) -> list[str]:
    query = select(pupil_answers.c.student).where(pupil_answers.c["class"] == group)
    with store.snapshot() as connection:
        return list(connection.execute(query.order_by(pupil_answers.c.probability.desc())).scalars())


def two_classes(store: Store) -> tuple[str, str]:
    with store.snapshot() as connection:
        names = connection.execute(select(pupil_answers.c["class"]).distinct().order_by("class")).scalars().all()
    mine, other = [str(name) for name in names if name and len(pupils_of(store, str(name))) > 3][:2]
    return mine, other


def test_the_list_says_how_many_to_expect_and_why(school: httpx.Client) -> None:
    page = school.get("/pupils", params={"capacity": "30", "by": "all"})
    assert re.search(r'<select id="class".*?>todas</option>', page.text, re.DOTALL)
    text = text_of(page.text)
    assert page.status_code == 200
    assert re.search(
        r"Na lista: \d+ de 1\.156 alunos\. Esperados em defasagem: cerca de \d+ \(o mais provável: de", text
    )
    assert re.search(r"de alunos como estes .* de \d a \d+ em cada 10", text)
    assert re.search(r"1º \w* ?RA-\d+", text)
    assert "Podem ficar em defasagem" in text
    assert "Podem continuar em defasagem" in text
    assert len(page.content) < 200_000


def test_the_slider_decides_where_it_was_moved(school: httpx.Client) -> None:
    moved = school.get("/pupils", params={"capacity": "30", "was": "30", "slide": "77"}).text
    typed = school.get("/pupils", params={"capacity": "41", "was": "30", "slide": "30"}).text
    odd = school.get("/pupils", params={"capacity": "lots"}).text
    assert 'name="capacity" type="number" inputmode="numeric" min="1" max="' in moved
    assert [re.search(r'name="was" value="(\d+)"', page)[1] for page in (moved, typed)] == ["77", "41"]  # type: ignore[index]
    assert re.search(r'name="was" value="\d+"', odd)


def test_the_schools_own_capacity_is_the_usual_one(school: httpx.Client, store: Store) -> None:
    write_setting(store, "capacity", 23, LATER)
    assert 'name="was" value="23"' in school.get("/pupils", params={"by": "all"}).text
    write_setting(store, "capacity", 0, LATER)


def test_an_administrator_keeps_the_capacity(
    school: httpx.Client, store: Store, as_coordinator: Callable[..., None]
) -> None:
    page = text_of(school.get("/pupils", params={"capacity": "27", "by": "all"}).text)
    assert "Guardar 27 como capacidade da escola" in page
    kept = school.post("/administration/capacity", data={"capacity": "27", "by": "all"})
    assert kept.status_code == 303
    assert "Esta é a capacidade da escola." in text_of(school.get(kept.headers["location"]).text)
    assert 'name="was" value="27"' in school.get("/pupils", params={"by": "all"}).text
    assert latest(store, 10, action=Action.changed)[0].subject == "capacity"
    for text in ("", "0", "-3", "1e3", "muitos", "100001", "9" * 4_500, "é" * 10_000):
        assert school.post("/administration/capacity", data={"capacity": text}).status_code == 422
    as_coordinator(two_classes(store)[0])
    page = text_of(school.get("/pupils", params={"by": "all", "capacity": "3"}).text)
    assert "capacidade da escola" not in page
    write_setting(store, "capacity", 0, LATER)


def test_a_part_of_the_page_is_the_table_alone(school: httpx.Client) -> None:
    part = school.get("/pupils", headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith('<section id="list"')
    assert "<html" not in part


def test_a_coordinator_meets_other_classes_nowhere(
    school: httpx.Client, store: Store, as_coordinator: Callable[..., None]
) -> None:
    mine, other = two_classes(store)
    ours, theirs = pupils_of(store, mine), pupils_of(store, other)
    as_coordinator(mine)
    for path in ("/pupils", "/pupils.csv", "/pupils/print", "/classes"):
        for query in ({"show": "all", "by": "all"}, {"class": other, "show": "all", "by": "all"}, {"order": "class"}):
            text = school.get(path, params=query).text
            assert not [code for code in theirs if re.search(rf"\b{code}\b", text)]
    assert "Nenhum aluno corresponde" in text_of(school.get("/pupils", params={"q": theirs[0]}).text)
    text = text_of(school.get("/pupils", params={"show": "all", "by": "all"}).text)
    assert f"de {len(ours)} alunos" in text
    assert f">{other}<" not in school.get("/pupils").text
    missing = school.get("/pupils/RA-999999")
    for path in (f"/pupils/{theirs[0]}", f"/pupils/{theirs[0]}/referral", "/classes/one"):
        refused = school.get(path, params={"class": other})
        assert refused.status_code == missing.status_code == 404
        assert "Não há aqui esse aluno" in text_of(refused.text)
    assert school.post(f"/pupils/{theirs[0]}/scenario", data={"IDA": "3"}).status_code == 404
    assert school.get(f"/pupils/{ours[0]}").status_code == 200
    assert f"coordena a turma {mine}" in text_of(school.get(f"/pupils/{ours[0]}").text)


def test_nothing_is_read_of_a_pupil_of_another_class(
    school: httpx.Client, store: Store, as_coordinator: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the time that a refusal takes would tell which codes there are."""
    mine, other = two_classes(store)
    as_coordinator(mine)
    asked = []

    def noted(store: Store, student: str, *, with_name: bool) -> PupilRecord | None:
        asked.append(student)
        return read_pupil(store, student, with_name=with_name)

    monkeypatch.setattr("farol.web.school.pupil_pages.read_pupil", noted)
    hidden, seen = pupils_of(store, other)[0], pupils_of(store, mine)[0]
    assert [school.get(f"/pupils/{code}").status_code for code in (hidden, "RA-999999", seen)] == [404, 404, 200]
    assert asked == [seen]


def test_questions_about_other_classes_change_no_count(
    school: httpx.Client, store: Store, as_coordinator: Callable[..., None]
) -> None:
    """Whoever sees one class gets the same pages whatever becomes of another."""
    mine, other = two_classes(store)
    as_coordinator(mine)
    student = pupils_of(store, mine)[0]
    paths = ("/pupils", "/pupils.csv", "/classes", "/classes/one", f"/pupils/{student}")

    def pages() -> list[str]:
        query = {"class": mine, "by": "all", "show": "all"}
        return [lasting(school.get(path, params=query).text) for path in paths]

    before = pages()
    changed = pupil_years.update().where(pupil_years.c["class"] == other)
    with store.exclusive() as connection:
        kept = connection.execute(select(pupil_answers).where(pupil_answers.c["class"] == other)).mappings().all()
        rows = connection.execute(select(pupil_years).where(pupil_years.c["class"] == other)).mappings().all()
        connection.execute(pupil_answers.delete().where(pupil_answers.c["class"] == other))
        connection.execute(changed.values(values=json.dumps({"IDA": 0.0}), label=1))
        revise(connection, 0)
    try:
        assert pages() == before
    finally:
        with store.exclusive() as connection:
            connection.execute(pupil_answers.insert(), [dict(row) for row in kept])
            connection.execute(pupil_years.delete().where(pupil_years.c["class"] == other))
            connection.execute(pupil_years.insert(), [dict(row) for row in rows])
            revise(connection, 0)


def test_the_files_open_in_a_spreadsheet_of_the_country(school: httpx.Client, store: Store) -> None:
    query = {"by": "all", "capacity": "15"}
    text = school.get("/pupils.csv", params=query)
    assert text.content.startswith("\N{ZERO WIDTH NO-BREAK SPACE}".encode())
    headings, first, *rest = list(csv.reader(io.StringIO(text.text.lstrip("\ufeff")), delimiter=";"))
    assert headings[:4] == ["posição", "aluno", "turma", "fase"]
    assert {line[4] for line in (first, *rest)} <= {"pública", "particular", "concluiu o ensino médio", "outra", ""}
    assert "pública" in {line[4] for line in (first, *rest)}
    assert re.fullmatch(r"0,\d+", first[5])
    book = openpyxl.load_workbook(io.BytesIO(school.get("/pupils.xlsx", params=query).content))
    rows = list(book.active.iter_rows(values_only=True))  # type: ignore[union-attr]
    assert [cell or "" for cell in rows[0]] == headings
    assert len(rows) == len(rest) + 2
    assert rows[1][1] == first[1]
    assert isinstance(rows[1][5], float)
    assert 'filename="alunos-2024.xlsx"' in school.get("/pupils.xlsx", params=query).headers["Content-Disposition"]


def test_each_class_is_printed_apart_with_who_printed(
    school: httpx.Client, store: Store, as_coordinator: Callable[..., None]
) -> None:
    mine, other = two_classes(store)
    as_coordinator(mine, other)
    page = school.get("/pupils/print", params={"by": "all", "show": "all"}).text
    pages = [-(-len(pupils_of(store, name)) // 8) for name in (mine, other)]
    assert page.count('class="paper"') == text_of(page).count("Impresso por Ana Lima, ") == sum(pages)
    assert page.count("paper blank") == sum(n % 2 for n in pages), "each class begins on the front of a sheet"
    one_sided = school.get("/pupils/print", params={"by": "all", "show": "all", "sides": "1"}).text
    assert "paper blank" not in one_sided
    (line,) = latest(store, 1)
    assert (line.user, line.action, line.subject) == ("u1", "printed", "list")


def test_a_pupils_page_tells_reasons_years_and_what_came(school: httpx.Client, store: Store) -> None:
    with store.snapshot() as connection:
        query = select(pupil_years.c.student).where(pupil_years.c.year == 2024)
        both = query.where(pupil_years.c.student.in_(select(pupil_years.c.student).where(pupil_years.c.year == 2023)))
        likeliest = select(pupil_answers.c.student).where(pupil_answers.c.student.in_(both))
        student = connection.execute(likeliest.order_by(pupil_answers.c.probability.desc())).scalars().first()
    page = school.get(f"/pupils/{student}")
    text = text_of(page.text)
    for part in (
        "O que aumenta o risco",
        "Ao longo dos anos",
        "metade de ",
        "Sobre Feita em",
        "Nota de Matemática",
        "não são causas",
    ):
        assert part in text, part
    assert re.search(r"O que aconteceu 2024 Defasagem no próximo ano 15/12/2023 \d+% Aluno", text), text
    assert "<svg" in page.text
    assert len(page.content) < 200_000
    (line,) = latest(store, 1)
    assert (line.action, line.subject, line.student) == ("saw", "pupil", student)


def test_other_grades_are_asked_and_not_stored(school: httpx.Client, store: Store) -> None:
    student = pupils_of(store, two_classes(store)[0])[0]
    stored = store.total()
    page = school.post(f"/pupils/{student}/scenario", data={"IDA": "0,5", "IEG": "0", "MATEMATICA": "1"})
    text = text_of(page.text)
    assert re.search(r"Com estes valores: \d+% em vez de \d+%", text)
    assert "Não quer dizer que aumentar uma nota diminua o risco" in text
    assert 'value="0,5"' in page.text
    wrong = school.post(f"/pupils/{student}/scenario", data={"IDA": "99", "IEG": "abc"}).text
    assert text_of(wrong).count("Escreva um número de 0 a 10.") == 2
    assert "em vez de" not in text_of(wrong)
    assert store.total() == stored
    assert "?" not in str(page.url).partition("/scenario")[2].replace("?lang=pt-BR", "")


def test_a_referral_says_who_made_it_and_for_whom(
    school: httpx.Client, store: Store, as_coordinator: Callable[..., None]
) -> None:
    mine, _ = two_classes(store)
    student = pupils_of(store, mine)[0]
    as_coordinator(mine)
    sheets = {
        to: text_of(school.get(f"/pupils/{student}/referral", params={"for": to}).text) for to in ("family", "council")
    }
    assert "Impresso por Ana Lima" in sheets["family"]
    assert "LGPD" in sheets["family"]
    assert "em cada 10" not in sheets["family"], "no number about a child for the family to carry home"
    assert "em cada 10" in sheets["council"]
    lines = latest(store, 2)
    assert {(line.action, line.subject, line.student) for line in lines} == {("printed", "referral", student)}


def test_classes_are_compared_and_pupils_too(school: httpx.Client, store: Store) -> None:
    mine, _ = two_classes(store)
    text = text_of(school.get("/classes").text)
    assert "escolher as turmas inteiras de maior risco" in text
    assert "do que se alcança escolhendo aluno por aluno" in text
    assert "Eles não dizem quanto ajudaria" in text
    page = text_of(school.get("/classes/one", params={"class": mine}).text)
    assert f"Turma {mine}" in page
    assert all(student in page for student in pupils_of(store, mine))
    assert school.get("/classes/one", params={"class": "nowhere"}).status_code == 404
    assert school.get("/classes/one").status_code == 404


def test_names_come_by_decision_and_go_at_once(school: httpx.Client, store: Store) -> None:
    mine, _ = two_classes(store)
    student = pupils_of(store, mine)[0]
    file = {"file": ("nomes.csv", f"RA;Nome\n{student};Maria da Penha\nRA-99999;Ninguém\n".encode(), "text/csv")}
    assert school.post("/administration/names/file", files=file).status_code == 422, "names are off"
    assert school.post("/administration/names", data={"decision": "on"}).status_code == 303
    sent = school.post("/administration/names/file", files=file, follow_redirects=True)
    assert "Nomes guardados: 1. Códigos que nenhum aluno daqui tem: 1." in text_of(sent.text)
    listed = school.get("/pupils", params={"q": "penha"})
    assert "Maria da Penha" in listed.text
    assert "Maria da Penha" in school.get(f"/pupils/{student}").text
    assert "Maria da Penha" in school.get("/pupils/print", params={"show": "all", "by": "all"}).text
    for kind in ("csv", "xlsx"):
        assert "Penha" not in school.get(f"/pupils.{kind}", params={"show": "all", "by": "all"}).text
    school.post("/administration/names", data={"decision": "off"})
    assert "Maria da Penha" not in school.get(f"/pupils/{student}").text
    unsure = school.post("/administration/names", data={"decision": "erase"})
    assert (unsure.status_code, "Nada foi removido: faltou confirmar." in text_of(unsure.text)) == (422, True)
    assert count_names(store) == 1
    assert 'name="sure" value="1" required' in school.get("/administration/names").text
    erased = school.post("/administration/names", data={"decision": "erase", "sure": "1"}, follow_redirects=True)
    assert "Todos os nomes foram apagados: 1." in text_of(erased.text)
    with store.snapshot() as connection:
        assert connection.execute(select(pupil_names)).first() is None
    assert not names_are_on(store)
    assert school.post("/administration/names", data={"decision": "?"}).status_code == 422
    wrong = {"file": ("nomes.csv", b"a;b\n1;2\n", "text/csv")}
    school.post("/administration/names", data={"decision": "on"})
    assert school.post("/administration/names/file", files=wrong).status_code == 422
    school.post("/administration/names", data={"decision": "off"})


def test_an_empty_site_says_what_is_missing(empty_site: str) -> None:
    with httpx.Client(base_url=empty_site, headers=AS_BROWSER, timeout=30) as client:
        for path in ("/pupils", "/pupils/print", "/pupils.csv", "/classes"):
            page = client.get(path, params={"lang": "pt-BR"})
            assert (page.status_code, "Ainda não há lista" in page.text) == (200, True), path
        assert client.get("/pupils/RA-1").status_code == 404
        assert client.get("/classes/one", params={"class": "3B"}).status_code == 404


def test_a_filter_changes_the_table_and_nothing_else(address: str, chromium: Browser) -> None:
    page = chromium.new_page(locale="pt-BR")
    page.goto(f"{address}/pupils?by=all")
    page.evaluate("window.still = true")
    capacity, slider = (page.get_by_label(name) for name in (CAPACITY, "Tamanho da lista"))
    capacity.fill("12")
    capacity.press("Tab")
    expect(slider).to_have_value("12")
    slider.press("ArrowRight")
    expect(capacity).to_have_value("13")
    page.locator("#show").select_option("all")
    expect(page.get_by_text("Página 1 de 24")).to_be_visible()
    expect(capacity).to_have_value("13")
    assert page.evaluate("window.still") is True, "the page was not loaded anew"
    assert "show=all" in page.url
    page.close()


def test_swapped_content_can_be_used_at_once(address: str, chromium: Browser) -> None:
    page = chromium.new_page(locale="pt-BR")
    page.goto(f"{address}/pupils?by=all")
    page.evaluate("""() => {
        let first = document.getElementById("slide");
        new MutationObserver(() => {
            const slide = document.getElementById("slide");
            if (!slide || !first || slide === first) return;
            first = null;
            slide.value = "13";
            slide.dispatchEvent(new Event("change", {bubbles: true}));
        }).observe(document.body, {childList: true, subtree: true});
    }""")
    capacity = page.get_by_label(CAPACITY)
    capacity.fill("12")
    capacity.press("Tab")
    expect(capacity).to_have_value("13")
    page.close()


def test_quick_keys_on_the_slider_make_one_list(address: str, chromium: Browser) -> None:
    page = chromium.new_page(locale="pt-BR")
    page.clock.install()
    page.goto(f"{address}/pupils?by=all&capacity=12")
    page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "slide=" in request.url else None)
    slider = page.get_by_label("Tamanho da lista")
    for _ in range(5):  # quick, however busy the machine is: the page's clock stands still
        slider.press("ArrowRight")
    assert asked == []
    page.clock.run_for(1_000)
    expect(page.get_by_label(CAPACITY)).to_have_value("17")
    expect(slider).to_have_value("17")
    expect(slider).to_be_focused()
    assert len(asked) == 1
    page.close()


def test_the_list_works_without_script(address: str, chromium: Browser) -> None:
    context = chromium.new_context(locale="pt-BR", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/pupils?by=all")
    page.get_by_label(CAPACITY).fill("12")
    page.get_by_role("button", name="Ajustar a lista").click()
    expect(page.get_by_label("Tamanho da lista")).to_have_value("12")
    page.get_by_label("Buscar por código").fill("RA-1")
    page.get_by_role("button", name="Mostrar").click()
    expect(page.get_by_role("status")).to_contain_text("Mostrados aqui")
    context.close()


def test_those_ticked_in_the_list_get_a_case(school: httpx.Client, store: Store) -> None:
    first, second = (pupils_of(store, name)[0] for name in two_classes(store))
    page = school.get("/classes/one", params={"class": two_classes(store)[0]}).text
    assert f'name="student" value="{first}"' in page
    assert "Sinalizar os marcados" in page
    school.post("/cases/bulk", data={"student": [first, second], "year": "2024"})
    with store.snapshot() as connection:
        assert set(connection.execute(select(cases.c.student)).scalars()) == {first, second}
    assert "sinalizado" in text_of(school.get("/pupils", params={"by": "all", "show": "all", "step": "flagged"}).text)
    with store.exclusive() as connection:
        connection.execute(cases.delete())


def test_the_step_of_the_latest_case_is_shown(school: httpx.Client, store: Store) -> None:
    student = pupils_of(store, two_classes(store)[0])[0]
    case = {"id": "c", "student": student, "year": 2024, "step": "plan", "owner": "", "support": "[]"}
    case |= {"opened": 1, "changed": 1, "reason": ""}
    with store.exclusive() as connection:
        connection.execute(cases.insert(), [case])
    text = text_of(school.get("/pupils", params={"by": "all", "show": "all", "step": "plan"}).text)
    assert student in text
    assert "Mostrados aqui: 1." in text
    with store.exclusive() as connection:
        connection.execute(cases.delete())


def test_usual_values_set_no_pupil_apart_in_the_list(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    put_into_use(settings.artifacts, TASK)
    stored = [
        {"feature": "MATEMATICA", "contribution": 0.9, "value": 5.0, "usual": [3.0, 5.0, "at"]},
        {"feature": "IEG", "contribution": 0.4, "value": 2.0, "usual": [3.0, 6.0, "below"]},
    ]
    with Store.open(settings.store_url) as store:
        fill(store, [answer("RA-1", reasons=json.dumps(stored), raising=",MATEMATICA,IEG,")])
    with serving(settings) as address, httpx.Client(base_url=address, params={"lang": "pt-BR"}, timeout=30) as client:
        listed = text_of(client.get("/pupils", params={"by": "all"}).text)
        page = text_of(client.get("/pupils/RA-1").text)
    assert "Engajamento: 2 (comum: 6)" in listed or "engajamento: 2 (comum: 6)" in listed
    assert "(comum: 5)" not in listed
    assert page.index("abaixo do que é comum (fase 3: 6)") < page.index("5, como é comum (fase 3: 5)")
