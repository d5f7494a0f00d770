"""The pages, read over HTTP from a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from farol.model.workbook_note import WorkbookNote, write_note
from farol.profile import load_profile
from farol.settings import MARKER
from tests.bundles import put_into_use
from tests.web.conftest import serving
from tests.web.site import build_site, settings_in

DASHBOARD = "/monitoring/dashboard"
SNAPSHOT = f"{DASHBOARD}/snapshot"


@pytest.fixture(scope="module")
def broken_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A site of one model whose report says nothing, with a database that cannot be opened."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "file").write_text("")
    settings = settings_in(folder, database_url=f"sqlite:///{folder / 'file' / 'farol.db'}", locale="en")
    put_into_use(settings.artifacts, "current")
    with serving(settings) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def invented_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The site of a demonstration, with a note about its workbook."""
    settings = build_site(tmp_path_factory.mktemp("invented"))
    (settings.data / MARKER).write_text("")
    write_note(settings.artifacts, WorkbookNote("/school/our book.xlsx", "ab", {2023: 1014, 2024: 562}, {"warning": 3}))
    with serving(settings) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


PAGES = (
    *("/", DASHBOARD, "/monitoring/advice", "/monitoring/results", "/monitoring/report.html"),
    *("/models/next-year/card", "/docs", "/nowhere"),
)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_a_demonstration_says_so(invented_web: httpx.Client, web: httpx.Client, path: str) -> None:
    for tag, words in (("en", "Demonstration: invented pupils."), ("pt-BR", "Demonstração: alunos inventados.")):
        as_browser = {"Accept": "text/html", "Accept-Language": tag}
        assert invented_web.get(path, params={"lang": tag}, headers=as_browser).text.count(words) == 1
        assert words not in web.get(path, params={"lang": tag}, headers=as_browser).text


def test_the_introduction_says_where_things_stand(invented_web: httpx.Client) -> None:
    page = " ".join(re.sub(r"<[^>]+>", "", unescape(invented_web.get("/?lang=en").text)).split())
    assert "There is something to do" in page, "the answers of next-year drift"
    assert "The model learned from our book.xlsx. Pupils in it: 1,014 (2023), 562 (2024)." in page
    assert "Findings in that workbook: errors: 0, warnings: 3." in page
    assert "To have the lists of whom to see first, send the year's workbook" in page
    assert "A model needs a look: advice." in page
    assert "--artifacts" not in page


@pytest.mark.parametrize(
    ("query", "wanted", "tag"),
    [
        ("", None, "pt-BR"),
        ("", "de", "pt-BR"),
        ("", "en-GB,pt;q=0.5", "en"),
        ("?lang=en", "pt-BR", "en"),
        ("?lang=pt-BR", "en", "pt-BR"),
        ("?lang=xx", "en", "en"),
    ],
)
def test_address_then_browser_then_settings_choose_the_language(
    web: httpx.Client, query: str, wanted: str | None, tag: str
) -> None:
    answer = web.get(f"/{query}", headers={"Accept-Language": wanted} if wanted else {"Accept-Language": ""})
    assert answer.headers["content-language"] == tag
    assert f'<html lang="{tag}">' in answer.text


def test_the_settings_give_the_language_of_whoever_asks_for_none(broken_web: httpx.Client) -> None:
    assert '<html lang="en">' in broken_web.get("/").text


def test_links_keep_a_chosen_language_and_force_no_other(web: httpx.Client) -> None:
    assert f'href="{DASHBOARD}?lang=en"' in web.get("/?lang=en").text
    assert f'href="{DASHBOARD}"' in web.get("/", headers={"Accept-Language": "en"}).text


def test_the_language_switch_keeps_the_rest_of_the_address(web: httpx.Client) -> None:
    page = web.get(f"{DASHBOARD}?task=current&window=90d&lang=en").text
    assert f'href="{DASHBOARD}?task=current&amp;window=90d&amp;lang=pt-BR"' in page


def test_numbers_and_dates_are_the_readers(web: httpx.Client) -> None:
    portuguese, english = (web.get(f"{DASHBOARD}?lang={tag}&window=7d@2024-03-09").text for tag in ("pt-BR", "en"))
    assert "03/03/2024 a 09/03/2024" in portuguese
    assert "2024-03-03 to 2024-03-09" in english
    assert "abaixo de 0,10, sem drift" in portuguese
    assert "below 0.10 no drift" in english


def test_the_introduction_starts_with_next_year_and_ian(web: httpx.Client) -> None:
    page = web.get("/?lang=pt-BR").text
    assert page.index("O aluno estará em defasagem no próximo ano?") < page.index(
        "O aluno está em defasagem neste ano?"
    )
    guide = page[page.index('class="guide"') :]
    assert guide.index("IAN já contém a resposta") < guide.index("Nota que falta não é nota média")


def test_the_introduction_says_what_is_served(web: httpx.Client) -> None:
    page = re.sub(r"<[^>]+>", "", web.get("/?lang=en").text)
    for words in (
        "9 of 10 pupils it pointed out in the test were behind (with 95% confidence 55% to 92%)",
        "Of 10 pupils who were behind it pointed out 8.",
        "ROC AUC: 0.5 is chance, 1 is perfect0.88 (0.55–0.92)",
        "ahead in 88% of cases",
        "Among pupils not behind now0.87 (0.82–0.92)",
        "This figure does not show that it can predict. IAN is the answer in other words",
        "Without “Adequacy to the level”0.69 (0.65–0.73)",
        "600",
        "2022 → 2023, 2023 → 2024, 2024 → 2025",
        "2024 → 2025, knowing only 2022 → 2023, 2023 → 2024",
        "2022, 2023",
    ):
        assert words in page


def test_the_example_is_answered_by_the_service(web: httpx.Client) -> None:
    page = web.get("/").text.replace("&#34;", '"').replace("&#39;", "'")
    address, body = re.findall(r"curl -X POST (\S+) .*?-d '(\{.*?\})'", page, flags=re.DOTALL)[0]
    answer = httpx.post(address, content=body, headers={"Content-Type": "application/json"}, timeout=30)
    assert answer.status_code == 200
    assert address.endswith("/tasks/next-year/predict")


def test_every_link_of_the_pages_leads_somewhere(web: httpx.Client) -> None:
    links = {link for path in ("/", DASHBOARD) for link in re.findall(r'href="(/[^"#]*)"', web.get(path).text)}
    assert len(links) > 12
    assert {link: web.get(link.replace("&amp;", "&")).status_code for link in links} == dict.fromkeys(links, 200)


def test_pages_hold_no_script_and_no_style_of_their_own(web: httpx.Client) -> None:
    for path in ("/", DASHBOARD):
        page = web.get(path).text
        assert not re.search(r"<script(?! src=\"/static/vendor/)|<style|\sstyle=|\son\w+=|javascript:", page)
        assert "https://" not in page


def test_before_any_model_the_pages_say_what_to_send(empty_web: httpx.Client) -> None:
    page = empty_web.get("/?lang=en").text
    assert "Begin with the workbook of the year" in page
    assert "farol " not in page.partition("<main")[2].partition("<footer")[0]
    assert "Nothing to show yet" in empty_web.get(f"{DASHBOARD}?lang=en").text


def test_an_introduction_stands_while_the_store_is_down(broken_web: httpx.Client) -> None:
    answer = broken_web.get("/")
    assert answer.status_code == 200
    assert "The service now" in answer.text
    assert "ROC AUC" not in answer.text
    assert '<td role="cell" data-label="Drift">–</td>' in answer.text


def test_a_dashboard_without_its_store_says_so_on_a_page(broken_web: httpx.Client) -> None:
    answer = broken_web.get(DASHBOARD)
    assert answer.status_code == 503
    assert "Not available right now" in answer.text


@pytest.mark.parametrize("query", ["task=other", "window=soon", "window=%3Cscript%3E"])
def test_invalid_filters_get_a_page_and_are_not_repeated(web: httpx.Client, query: str) -> None:
    answer = web.get(f"{DASHBOARD}?lang=en&{query}")
    assert answer.status_code == 422
    assert "<script>" not in answer.text


def test_a_window_without_predictions_says_so_for_every_feature(web: httpx.Client) -> None:
    page = web.get(f"{DASHBOARD}?lang=en&window=7d@2020-01-01").text
    assert page.count("There is no prediction in this period") == len(load_profile("pede").tasks["next-year"].features)
    assert "Insufficient data" in page
    assert ">nan" not in page.lower()


def test_a_window_of_everything_has_an_end_alone(web: httpx.Client) -> None:
    assert "<dd>until " in web.get(f"{DASHBOARD}?lang=en&window=all").text


def test_few_predictions_are_shown_as_too_few(web: httpx.Client) -> None:
    few = web.get(f"{DASHBOARD}?lang=en&task=current").text
    assert "With fewer than 30 predictions nothing can be said about it." in few


def test_features_come_by_gravity_and_name_their_meaning(web: httpx.Client) -> None:
    page = web.get(f"{DASHBOARD}?lang=en").text
    table = page.split('id="details"')[0]
    order = re.findall(r"</svg>([A-Z][a-z]+ (?:drift|data))</span></td>", table)
    ranks = [("Severe drift", "Moderate drift", "No drift", "Insufficient data").index(word) for word in order]
    assert ranks == sorted(ranks)
    assert {0, 2} < set(ranks)
    assert "Self-evaluation" in page


@pytest.mark.parametrize("tag", ["pt-BR", "en"])
def test_the_drift_page_shows_meanings_and_no_column_code(web: httpx.Client, tag: str) -> None:
    page = web.get(f"{DASHBOARD}?lang={tag}&task=next-year&window=all").text
    main = page.partition("<main")[2].partition("</form>")[2]
    words = unescape(re.sub(r"<[^>]*>", " ", main))
    profile = load_profile("pede")
    names = profile.tasks["next-year"].features
    meanings = [(profile.columns.get(name) or profile.derived[name]).meaning for name in names]
    assert all(meaning.in_locale("pt_BR" if tag == "pt-BR" else "en") in words for meaning in meanings)
    for code in ("years_in_programme", "p_pass", "p_pass_if_promoted", "lag", "phase", "IDA", "MATEMATICA"):
        assert not re.search(rf"(?<![-=\w]){code}(?![=\w])", words) or (tag, code) == ("en", "phase"), code


def test_a_snapshot_leads_back_to_the_page_it_was_asked_from(web: httpx.Client) -> None:
    answer = web.post(f"{SNAPSHOT}?task=next-year&window=7d&lang=en", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{DASHBOARD}?task=next-year&window=7d&taken=1&lang=en"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
)
def test_another_site_cannot_press_the_button(web: httpx.Client, headers: dict[str, str]) -> None:
    assert web.post(SNAPSHOT, headers=headers).status_code == 403


def test_an_older_browser_that_only_says_its_origin_may(web: httpx.Client) -> None:
    assert web.post(f"{SNAPSHOT}?window=7d", headers={"Origin": str(web.base_url).rstrip("/")}).status_code == 303


def test_a_snapshot_needs_a_model(empty_web: httpx.Client) -> None:
    assert empty_web.post(SNAPSHOT).status_code == 422


def test_a_card_is_served_as_written_under_its_own_policy(web: httpx.Client) -> None:
    answer = web.get("/models/current/card")
    assert "<h1>Ficha do modelo</h1>" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy
    assert "unsafe" not in policy


def test_a_model_not_served_has_no_card(web: httpx.Client) -> None:
    answer = web.get("/models/nothing/card?lang=en")
    assert answer.status_code == 404
    assert "There is no such question here." in answer.text


@pytest.mark.parametrize("end", ["about", "card"])
def test_a_question_without_a_model_says_how_to_get_one(empty_web: httpx.Client, end: str) -> None:
    answer = empty_web.get(f"/models/next-year/{end}?lang=en")
    assert answer.status_code == 404
    assert "There is no model for this question yet" in answer.text
    assert 'trains with it: <a href="/workbooks?lang=en">Workbook</a>.' in answer.text
    assert '<nav aria-label="Main">' in answer.text


def test_the_style_sheet_may_be_kept_and_pages_may_not(web: httpx.Client) -> None:
    link = re.findall(r'href="(/static/farol\.css\?v=\w{12})"', web.get("/").text)[0]
    assert web.get(link).headers["content-type"].startswith("text/css")
    assert "etag" in web.get(link).headers
    assert web.get("/").headers["cache-control"] == "no-store"


def test_no_template_prints_a_name_it_was_not_given() -> None:
    from jinja2 import StrictUndefined

    from farol.web import templating

    assert templating._ENVIRONMENT.undefined is StrictUndefined
    assert templating._ENVIRONMENT.autoescape is True
    assert (Path(templating.__file__).parent / "static" / "favicon.svg").exists()


def test_each_page_has_a_strict_policy_and_a_nonce_of_its_own(web: httpx.Client) -> None:
    policies = [web.get("/").headers["content-security-policy"] for _ in range(2)]
    assert policies[0] != policies[1]
    assert not any("unsafe" in policy for policy in policies)
    nonce = re.findall(r"script-src 'nonce-([\w-]{22})';", policies[0])
    assert len(nonce) == 1
    assert "https:" not in policies[0]
