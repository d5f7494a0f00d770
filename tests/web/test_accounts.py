"""With users, pages ask who comes: sessions, duties, links, and forms that work by keyboard and without script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser

import farol
from farol.accounts.audit import Action, record
from farol.accounts.passwords import hashed
from farol.accounts.users import accept_invitation, account_of, create_user, has_users
from farol.accounts.viewer import NOBODY_IN_PARTICULAR, UserRole
from farol.api.keyring import check_binding
from farol.app import create_app
from farol.errors import InputError
from farol.settings import Settings
from farol.store.database import Store
from farol.store.engine import location
from farol.store.identity import keys_were_made
from farol.store.keys import Keys, Role, make_key
from farol.web.accounts.administration import SUBJECTS
from farol.web.accounts.views import safe_next
from tests.api.client import Client, running
from tests.api.shape import PUPIL, error_of
from tests.browser import assert_accessible
from tests.web.conftest import serving
from tests.web.sent import lasting
from tests.web.site import settings_in
from tests.web.test_browser import opened

PASSWORD = "quatro palavras bem longas"
ENCODED = hashed(PASSWORD)
HTML = {"Accept": "text/html"}
PAGE = "/monitoring/dashboard"


def add_user(settings: Settings, login: str, role: UserRole, *classes: str) -> None:
    with Store.open(settings.store_url) as store:
        now = datetime.now(UTC)
        _, token = create_user(store, login, login.title(), role, classes, at=now)
        assert accept_invitation(store, token, ENCODED, at=now) is not None


def add_key(settings: Settings, role: Role) -> dict[str, str]:
    text, key = make_key(role, "test", at=datetime.now(UTC))
    with Store.open(settings.store_url) as store:
        Keys(store).add(key)
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    """Of a site with one user of each role."""
    settings = settings_in(tmp_path)
    add_user(settings, "ana", UserRole.administrator)
    add_user(settings, "bia", UserRole.coordinator, "3B")
    add_user(settings, "caio", UserRole.reader)
    return settings


@pytest.fixture
def client(place: Settings) -> Iterator[Client]:
    with running(create_app(place)) as client:
        yield client


def sign_in(client: Client, login: str, password: str = PASSWORD, to: str = "/account") -> None:
    answer = client.post(f"/login?next={to}", data={"login": login, "password": password})
    assert (answer.status_code, answer.headers["location"]) == (303, to)


def test_a_page_leads_to_the_sign_in_and_back(client: Client) -> None:
    answer = client.get(f"{PAGE}?window=7d&lang=en", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fmonitoring%2Fdashboard%3Fwindow%3D7d%26lang%3Den&lang=en"
    form = client.get(answer.headers["location"], headers=HTML)
    assert 'action="/login?next=%2Fmonitoring%2Fdashboard%3Fwindow%3D7d%26lang%3Den&amp;lang=en"' in form.text
    assert '/monitoring/dashboard"' not in form.text, "a stranger sees no navigation"
    sign_in(client, "ana", to=PAGE)
    assert client.get(PAGE, headers=HTML).status_code == 200


def test_programs_and_forms_get_401_and_no_redirect(client: Client) -> None:
    error_of(client.get(PAGE), 401, "sign_in_needed")
    answer = client.post("/account/name", data={"name": "X"}, headers=HTML)
    assert answer.status_code == 401
    assert "www-authenticate" not in answer.headers
    swapped = client.get("/administration/audit", headers={"HX-Request": "true"})
    assert (swapped.status_code, swapped.headers["hx-redirect"]) == (401, "/login")


def test_a_session_opens_no_route_of_the_api(client: Client, place: Settings) -> None:
    sign_in(client, "ana")
    for path in ("/models", "/metrics", "/monitoring/predictions"):
        error_of(client.get(path), 401, "key_needed")
    error_of(client.post("/predict", json=PUPIL), 401, "key_needed")


def test_a_key_opens_no_page_where_there_are_users(place: Settings) -> None:
    key = add_key(place, Role.manage)
    with running(create_app(place)) as client:
        assert client.get("/models", headers=key).status_code == 200
        error_of(client.get(PAGE, headers=key), 401, "sign_in_needed")


@pytest.mark.parametrize(
    ("login", "allowed"),
    [
        ("ana", {PAGE, "/administration/users", "/administration/audit.csv", "/account"}),
        ("bia", {"/account"}),
        ("caio", {PAGE, "/account"}),
    ],
)
def test_each_role_opens_its_own_pages(client: Client, login: str, allowed: set[str]) -> None:
    sign_in(client, login)
    asked = (PAGE, "/administration/users", "/administration/audit.csv", "/account")
    assert {path for path in asked if client.get(path).status_code == 200} == allowed
    home = client.get("/")
    assert (home.status_code == 200) == (login != "bia"), "figures of the whole school are not for one class"


def test_who_signed_in_is_not_sent_to_look_for_a_key(client: Client) -> None:
    sign_in(client, "bia")
    answer = client.get("/administration/users", headers={**HTML, "Accept-Language": "pt-BR"})
    assert answer.status_code == 403
    assert "peça a um administrador deste site" in answer.text
    assert "chave" not in answer.text.partition("<main")[2]


def test_only_a_site_without_accounts_is_asked_to_make_one(client: Client, tmp_path: Path) -> None:
    advice = "crie antes uma conta para você"
    sign_in(client, "ana")
    headers = {**HTML, "Accept-Language": "pt-BR"}
    signed_in = client.get("/administration/keys", headers=headers)
    assert (signed_in.status_code, advice in signed_in.text) == (200, False)
    with running(create_app(settings_in(tmp_path / "open"))) as without_accounts:
        assert advice in without_accounts.get("/administration/keys", headers=headers).text


def test_signing_out_ends_the_session(client: Client) -> None:
    sign_in(client, "ana")
    assert client.post("/logout").headers["location"] == "/login"
    assert client.get("/account", headers=HTML).status_code == 303


def test_a_form_of_another_site_is_refused_even_at_the_sign_in(client: Client) -> None:
    elsewhere = {"Origin": "https://elsewhere.example"}
    given = {"login": "ana", "password": PASSWORD}
    assert client.post("/login", data=given, headers=elsewhere).status_code == 403
    sign_in(client, "ana")
    for path in ("/logout", "/account/name", "/administration/users"):
        assert client.post(path, data={"name": "X"}, headers=elsewhere).status_code == 403
        crossed = {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}
        assert client.post(path, content=b"{}", headers=crossed).status_code == 403


def test_the_cookie_is_out_of_reach_of_scripts(place: Settings) -> None:
    given = {"login": "ana", "password": PASSWORD}
    with running(create_app(place)) as client:
        plain = client.post("/login", data=given).headers.get_list("set-cookie")
        secure = client.post("https://localhost/login", data=given).headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in plain] == ["farol-session", "farol-browser"]
    assert [cookie.partition("=")[0] for cookie in secure] == ["__Host-farol-session", "__Host-farol-browser"]
    assert all("HttpOnly" in cookie and "SameSite" in cookie for cookie in (*plain, *secure))
    assert all("Secure" in cookie and "Path=/" in cookie and "Domain" not in cookie for cookie in secure)


def test_unknown_login_and_wrong_password_read_the_same(client: Client) -> None:
    pages = [
        lasting(client.post("/login?lang=en", data={"login": login, "password": "wrong"}).text).replace(login, "")
        for login in ("ana", "nobody")
    ]
    assert pages[0] == pages[1]
    assert "do not match" in pages[0]


@pytest.mark.parametrize(
    ("asked", "safe"),
    [
        ("/pupils?class=3B", "/pupils?class=3B"),
        ("//elsewhere.example", "/"),
        ("https://elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("/\t/elsewhere.example", "/"),
        ("javascript:alert(1)", "/"),
        ("//[", "/"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_a_sign_in_leads_nowhere_else(asked: str, safe: str) -> None:
    assert safe_next(asked) == safe


def test_a_user_is_made_on_the_page_and_comes_in_by_the_link(client: Client) -> None:
    sign_in(client, "ana")
    given = {"login": "Davi", "name": "Davi <b>", "role": "coordinator", "classes": ["3B"], "others": "3C, 4A"}
    page = client.post("/administration/users", data=given).text
    (link,) = set(re.findall(r"http://localhost(/first/[\w-]{43})", page))
    assert "Davi &lt;b&gt;" in page
    assert client.post("/administration/users", data=given).status_code == 422
    client.post("/logout")
    assert "Davi &lt;b&gt;" in client.get(link).text
    short = client.post(link, data={"password": "curta", "again": "curta"})
    assert short.status_code == 422
    assert client.post(link, data={"password": PASSWORD, "again": PASSWORD}).headers["location"] == "/"
    assert "3B, 3C, 4A" in client.get("/account").text
    assert client.get(link).status_code == 410
    assert client.post(link, data={"password": PASSWORD, "again": PASSWORD}).status_code == 410


def test_a_changed_or_disabled_user_meets_it_at_once(client: Client, place: Settings) -> None:
    sign_in(client, "caio")
    with Store.open(place.store_url) as store:
        caio = account_of(store, "caio").user.id
    with running(create_app(place)) as administrator:
        sign_in(administrator, "ana")
        path = f"/administration/users/{caio}"
        assert client.get(PAGE).status_code == 200
        given = {"name": "Caio", "role": "coordinator", "classes": ["3B"]}
        assert administrator.post(path, data=given).status_code == 303
        assert client.get(PAGE).status_code == 403
        assert "3B" in administrator.get(path).text
        assert administrator.post(f"{path}/sessions").status_code == 303
        assert client.get(PAGE).status_code == 401
        sign_in(client, "caio")
        assert administrator.post(f"{path}/disable").status_code == 303
        assert client.get(PAGE).status_code == 401
        assert administrator.post(path, data={"name": "Caio", "role": "nothing"}).status_code == 422
        assert "/first/" in administrator.post(f"{path}/reset").text
        assert administrator.get("/administration/users/nobody").status_code == 422


def test_one_changes_name_and_password_oneself(client: Client) -> None:
    sign_in(client, "caio")
    assert client.post("/account/name", data={"name": "Caio Reis"}).status_code == 303
    assert client.post("/account/name", data={"name": ""}).status_code == 422
    assert "Caio Reis" in client.get("/account?done=name").text
    another = "outra frase bem longa"
    wrong = {"old": "wrong", "password": another, "again": another}
    assert client.post("/account/password", data=wrong).status_code == 422
    assert client.post("/account/password", data=wrong | {"old": PASSWORD, "again": "x"}).status_code == 422
    assert client.post("/account/password", data=wrong | {"old": PASSWORD}).status_code == 303
    assert client.post("/account/sessions").status_code == 303
    client.post("/logout")
    sign_in(client, "caio", another)


def test_the_audit_is_filtered_and_exported(client: Client) -> None:
    client.post("/login", data={"login": "ana", "password": "wrong"})
    sign_in(client, "ana")
    client.post("/account/name", data={"name": "Ana Reis"})
    assert "was refused at the sign-in" in client.get("/administration/audit?lang=en").text
    only = client.get("/administration/audit?lang=en&action=changed").text
    assert "Ana Reis" in only
    assert ">was refused at the sign-in<" not in only.partition("<tbody")[2]
    csv = client.get("/administration/audit.csv?lang=pt-BR")
    assert csv.text.startswith("\ufeffQuando;Quem;O que fez;Com o quê;Aluno;Mais\r\n")
    assert client.get("/administration/audit?from=2020-01-01&to=2020-01-02&lang=en").text.count("<tr") == 0
    for no_day in ("from=soon", "to=9999-12-31", "from=0001-01-01"):
        assert client.get(f"/administration/audit?{no_day}").status_code == 422


@pytest.mark.parametrize("zone", ["Pacific/Pago_Pago", "Pacific/Kiritimati"])  # never of the same day
def test_a_copy_of_the_audit_is_named_by_the_schools_day(place: Settings, zone: str) -> None:
    with running(create_app(place.model_copy(update={"timezone": zone}))) as client:
        sign_in(client, "ana")
        before = datetime.now(ZoneInfo(zone)).date()
        told = client.get("/administration/audit.csv").headers["content-disposition"]
        after = datetime.now(ZoneInfo(zone)).date()
    assert told in {f'attachment; filename="farol-audit-{day}.csv"' for day in (before, after)}


def test_the_audit_finds_a_pupil_by_any_spelling_of_the_code(client: Client, place: Settings) -> None:
    with Store.open(place.store_url) as store:
        record(store, NOBODY_IN_PARTICULAR, Action.saw, "pupil", at=datetime.now(UTC), student="RA-1")
    sign_in(client, "ana")
    for spelling in ("RA-1", " ra-1 "):
        page = client.get("/administration/audit", params={"student": spelling, "lang": "en"}).text
        assert page.partition("<tbody")[2].count("RA-1") == 1
    assert client.get("/administration/audit", params={"student": "x" * 80}).status_code == 422


def test_the_purpose_is_recorded_on_its_page(client: Client) -> None:
    sign_in(client, "ana")
    given = {"purpose": "Apoio", "basis": "policy", "controller": "Escola", "contact": "a@b.example"}
    assert client.post("/administration/purpose", data=given | {"basis": ""}).status_code == 422
    assert client.post("/administration/purpose", data=given).status_code == 303
    assert "Escola" in client.get("/administration/purpose").text


def test_without_users_the_first_is_an_administrator(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with running(create_app(settings)) as client:
        assert client.get("/account").headers["location"] == "/administration/users"
        assert client.post("/account/name", data={"name": "x"}).headers["location"] == "/administration/users"
        assert "todo" in client.get("/administration/users").text
        given = {"login": "ana", "name": "Ana", "role": "reader"}
        assert client.post("/administration/users", data=given).status_code == 422
        made = client.post("/administration/users", data=given | {"role": "administrator"})
        (link,) = set(re.findall(r"http://localhost(/first/[\w-]{43})", made.text))
        assert client.get(PAGE, headers=HTML).status_code == 303, "at once"
        assert client.post(link, data={"password": PASSWORD, "again": PASSWORD}).status_code == 303
        assert client.get(PAGE, headers=HTML).status_code == 200


def test_a_site_that_had_users_does_not_open_by_accident(place: Settings) -> None:
    with running(create_app(place)):
        pass
    assert keys_were_made(place.artifacts, location(Store.open(place.store_url).engine.url))
    for file in place.data.iterdir():
        file.unlink()
    Store.open(place.store_url).close()
    with running(create_app(place)) as client:
        assert client.get(PAGE).status_code == 401
        assert client.get("/models").status_code == 401


def test_with_a_user_other_machines_may_be_let_in(tmp_path: Path, place: Settings) -> None:
    check_binding(place.model_copy(update={"host": "0.0.0.0"}))
    with pytest.raises(InputError, match="no user"):
        check_binding(settings_in(tmp_path / "empty", host="0.0.0.0"))


def test_another_site_may_not_sign_anybody_in_without_users(tmp_path: Path) -> None:
    with running(create_app(settings_in(tmp_path))) as client:
        answer = client.post("/login", data={}, headers={"Origin": "https://elsewhere.example"})
        assert answer.status_code == 403


@pytest.mark.browser
def test_one_signs_in_and_out_by_keyboard_alone(chromium: Browser, place: Settings) -> None:
    with serving(place) as site, opened(chromium, locale="pt-BR", allowed=(422,)) as page:
        page.goto(f"{site}/administration/users")
        assert page.get_by_role("heading", level=1).inner_text() == "Entrar"
        assert_accessible(page)
        page.get_by_label("Nome de usuário").focus()
        page.keyboard.type("ana")
        page.keyboard.press("Tab")
        page.keyboard.type("errada")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        assert_accessible(page)
        page.get_by_label("Senha").focus()
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site}/administration/users")
        assert_accessible(page)
        page.get_by_role("link", name="Sua conta").focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site}/account")
        assert_accessible(page)
        page.get_by_role("button", name="Sair").focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site}/login")


@pytest.mark.browser
def test_the_audit_swaps_its_lines_and_works_without_script(chromium: Browser, place: Settings) -> None:
    with serving(place) as site:
        for script in (True, False):
            with opened(chromium, (360, 800), locale="pt-BR", java_script_enabled=script) as page:
                page.goto(f"{site}/login?next=/administration/audit")
                page.get_by_label("Nome de usuário").fill("ana")
                page.get_by_label("Senha").fill(PASSWORD)
                page.keyboard.press("Enter")
                page.wait_for_url(f"{site}/administration/audit")
                page.get_by_label("O que fez").select_option("printed")
                if not script:
                    page.get_by_role("button", name="Mostrar").click()
                page.get_by_text("Nada desse tipo foi feito ainda.").wait_for()
                assert (page.url == f"{site}/administration/audit") == script


def test_users_are_never_removed(place: Settings) -> None:
    with Store.open(place.store_url) as store:
        assert has_users(store)


def test_the_audit_has_a_word_for_every_subject() -> None:
    source = Path(farol.__file__).parent
    recorded = re.compile(r'Action\.\w+,\s*"([a-z-]+)"')
    named = {name for file in source.rglob("*.py") for name in recorded.findall(file.read_text(encoding="utf-8"))}
    assert len(named) > 20
    assert named <= SUBJECTS.keys()
