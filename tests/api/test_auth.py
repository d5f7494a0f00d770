"""Access: every route against every role, names, other sites, rates; and secrets are never written down."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from pydantic import ValidationError

from farol.access import UNSTATED
from farol.api import keyring
from farol.api.auth import AccessMiddleware
from farol.api.keyring import Keyring, check_binding
from farol.api.requests import NO_ROUTE, MatchedRoute, route_of
from farol.app import create_app
from farol.errors import InputError
from farol.model.registry import Registry
from farol.settings import Settings
from farol.store.database import Store
from farol.store.keys import Keys, Role, make_key
from tests.api.client import Client, running
from tests.api.shape import PUPIL, error_of
from tests.waiting import eventually

INFER = {"inputs": [{"name": "IAA", "shape": [1], "datatype": "FP64", "data": [8.5]}]}

ELSEWHERE = "https://elsewhere.example"


def add_key(settings: Settings, role: Role = Role.manage, **given: Any) -> tuple[str, str]:
    """A new key in the database of these settings, and its prefix."""
    text, key = make_key(role, "test", at=datetime.now(UTC), **given)
    with Store.open(settings.store_url) as store:
        Keys(store).add(key)
    return text, key.prefix


def revoke(settings: Settings, prefix: str) -> None:
    with Store.open(settings.store_url) as store:
        Keys(store).revoke(prefix, datetime.now(UTC))


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def basic(key: str, user: str = "coordenação") -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{key}'.encode()).decode()}"}


@dataclass(frozen=True)
class Locked:
    """A service that has keys, one of each role."""

    client: Client
    keys: dict[Role, str]
    version: str


@pytest.fixture(scope="module")
def locked(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    settings = Settings(artifacts=trained, data=tmp_path_factory.mktemp("locked"))
    keys = {role: add_key(settings, role)[0] for role in Role}
    with running(create_app(settings)) as client:
        yield Locked(client, keys, str(Registry(trained).promoted("current")))


def routes() -> list[tuple[str, str]]:
    """Method and template of every route and folder there is, pages included."""
    app = create_app(Settings())
    listed = set()
    for context in iter_route_contexts(app.routes):
        methods = getattr(context, "methods", None) or {"GET"}
        listed |= {(method, str(context.path)) for method in methods}
    return sorted(listed)


APP = create_app(Settings())
ROUTES = routes()
OPEN = {"/health", "/ready", "/docs", "/openapi.json", "/docs/assets", "/static"}
OPEN |= {"/login", "/logout", "/first/{token}"}  # for people who are about to sign in, or out
OPEN |= {"/v2/health/live", "/v2/health/ready", "/v2/models/{name}/ready", "/v2/models/{name}/versions/{version}/ready"}


def address(path: str) -> str:
    path = path.replace("{task}", "current").replace("{name}", "current").replace("{version}", "0")
    return {"/docs/assets": "/docs/assets/docs.js", "/static": "/static/farol.css"}.get(path, path)


def needed(method: str, path: str) -> Role | None:
    """What the description of the issue says, written here a second time."""
    if path in OPEN:
        return None
    if path.startswith("/v2"):
        return Role.predict
    if path.endswith("/scenario"):  # it asks and keeps nothing
        return Role.read
    if method == "POST":
        return Role.predict if path.startswith(("/predict", "/forecast", "/tasks")) else Role.manage
    if path.startswith(("/administration", "/workbooks", "/jobs")):
        return Role.manage
    return Role.read


def matched_route(method: str, path: str, **scope: str) -> MatchedRoute:
    """The route of a request as the service finds it."""
    return route_of({"type": "http", "method": method, "path": path, "app": APP, **scope})


def test_the_walk_through_the_routes_finds_them() -> None:
    assert len(ROUTES) >= 17
    assert {("POST", "/predict"), ("GET", "/"), ("GET", "/models/{task}/card"), ("GET", "/static")} <= set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_states_the_role_it_needs(method: str, path: str) -> None:
    route = matched_route(method, address(path))
    assert route.access is not UNSTATED, "declare its access: until then it needs `manage`"
    assert (route.template, route.access.role) == (path, needed(method, path))


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("role", [None, *Role])
def test_every_route_is_answered_to_its_role_and_to_no_other(
    locked: Locked, method: str, path: str, role: Role | None
) -> None:
    headers = bearer(locked.keys[role]) if role else {}
    url = address(path).replace("/versions/0", f"/versions/{locked.version}")
    body = INFER if path.endswith("/infer") else [PUPIL] if path.endswith("/batch") else PUPIL
    response = locked.client.request(method, f"{url}?lang=en", headers=headers, json=body)
    wanted = needed(method, path)
    if wanted is None or (role and role.allows(wanted)):
        let_in = (200, 201, 303, 404, 410, 415, 422) if matched_route(method, url).access.is_page else (200, 201, 303)
        assert response.status_code in let_in, response.text  # a page may know nobody of this name, or want a form
    elif role is None:
        error_of(response, 401, "key_needed")
        assert response.headers["www-authenticate"] == 'Bearer realm="Farol"'
    else:
        error = error_of(response, 403, "role_needed")
        assert (role.value in error["message"], wanted.value in error["fix"]) == (True, True)


def test_the_description_says_of_each_route_which_role_it_needs(shared: Client) -> None:
    document = shared.get("/openapi.json?lang=en").json()
    schemes = document["components"]["securitySchemes"]
    assert schemes.keys() == {"bearer", "header", "basic"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            role = needed(method.upper(), path)
            said = [{}, *({scheme: [role.value]} for scheme in schemes)] if role else []
            assert operation["security"] == said, (method, path)
            assert ("401" in operation["responses"]) == (role is not None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", "/predict"),
        ("DELETE", "/models"),
        ("GET", "//monitoring/predictions"),
        ("GET", "/models/a/b/card"),
        ("GET", "/static"),
        ("GET", "/staticmonitoring"),
    ],
)
def test_an_address_that_is_no_route_needs_the_highest_role(method: str, path: str) -> None:
    assert matched_route(method, path) is NO_ROUTE
    assert NO_ROUTE.access.role is Role.manage


def test_a_route_that_declares_nothing_needs_the_highest_role(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/forgotten")
    async def forgotten() -> dict[str, str]:
        return {}

    keys = {role: add_key(settings, role)[0] for role in Role}
    with running(app) as client:
        error_of(client.get("/forgotten"), 401, "key_needed")
        error_of(client.get("/forgotten", headers=bearer(keys[Role.read])), 403, "role_needed")
        assert client.get("/forgotten", headers=bearer(keys[Role.manage])).status_code == 200


def test_an_unknown_address_is_not_revealed_as_unknown(locked: Locked) -> None:
    error_of(locked.client.get("/nowhere"), 401, "key_needed")
    error_of(locked.client.get("/nowhere", headers=bearer(locked.keys[Role.manage])), 404, "not_found")


def test_a_service_below_a_path_is_guarded_too() -> None:
    assert matched_route("HEAD", "/farol/health", root_path="/farol").template == "/health"
    assert matched_route("HEAD", "/farolhealth", root_path="/farol") is NO_ROUTE


def own_header(key: str) -> dict[str, str]:
    return {"X-API-Key": key}


def careless_bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"bEaReR  {key} "}


@pytest.mark.parametrize("send", [bearer, basic, own_header, careless_bearer])
def test_a_key_is_taken_in_three_ways(locked: Locked, send: Any) -> None:
    assert locked.client.get("/models", headers=send(locked.keys[Role.read])).status_code == 200


def test_x_api_key_counts_when_a_proxy_uses_authorization(locked: Locked) -> None:
    headers = basic("the proxy's") | {"X-API-Key": locked.keys[Role.read]}
    assert locked.client.get("/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        bearer("farol_000000000000_" + "0" * 64),
        bearer(""),
        basic("wrong"),
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"Authorization": "Digest x"},
        {"X-API-Key": ""},
    ],
)
def test_every_invalid_key_is_refused(locked: Locked, headers: dict[str, str]) -> None:
    response = locked.client.get("/models?lang=en", headers=headers)
    error_of(response, 401, "key_refused")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


def test_a_key_in_the_address_is_no_key(locked: Locked) -> None:
    key = locked.keys[Role.read]
    error_of(locked.client.get(f"/models?key={key}&api_key={key}&access_token={key}"), 401, "key_needed")


def test_a_browser_is_asked_for_a_password_and_a_program_is_not(locked: Locked) -> None:
    page = locked.client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 401
    assert page.headers["www-authenticate"] == 'Basic realm="Farol", charset="UTF-8"'
    assert locked.client.get("/", headers=basic(locked.keys[Role.read])).status_code == 200
    assert locked.client.get("/").headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 201),
        ({"Origin": "http://localhost"}, 201),
        ({"Origin": ELSEWHERE}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
    ],
)
def test_a_page_elsewhere_cannot_use_what_a_browser_remembers(
    locked: Locked, given: dict[str, str], status: int
) -> None:
    key = locked.keys[Role.manage]
    response = locked.client.post("/monitoring/drift/snapshots", headers=basic(key) | given)
    assert response.status_code == status
    if status == 403:
        error_of(response, 403, "cross_site")


def test_no_form_of_another_site_can_ask_for_a_prediction(locked: Locked) -> None:
    headers = basic(locked.keys[Role.predict]) | {"Origin": ELSEWHERE}
    error_of(locked.client.post("/predict", headers=headers, json=PUPIL), 403, "cross_site")
    headers = bearer(locked.keys[Role.predict]) | {"Origin": ELSEWHERE}
    assert locked.client.post("/predict", headers=headers, json=PUPIL).status_code == 200


def test_a_key_that_expired_is_refused(settings: Settings) -> None:
    add_key(settings)
    old, _ = add_key(settings, expires=datetime.now(UTC) - timedelta(seconds=1))
    with running(create_app(settings)) as client:
        error_of(client.get("/models", headers=bearer(old)), 401, "key_refused")


def test_the_first_key_shuts_and_the_last_revoked_does_not_open(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "MOST_AGE", 0.0)  # every request reads the keys
    with running(create_app(settings)) as client:
        assert client.get("/models").status_code == 200
        text, prefix = add_key(settings)
        error_of(client.get("/models"), 401, "key_needed")
        assert client.get("/models", headers=bearer(text)).status_code == 200
        revoke(settings, prefix)
        error_of(client.get("/models", headers=bearer(text)), 401, "key_refused")
        error_of(client.get("/models"), 401, "key_needed")
        assert client.get("/health").status_code == 200


def test_a_revoked_key_is_soon_refused_by_a_real_server(settings: Settings) -> None:
    text, prefix = add_key(settings)
    with running(create_app(settings)) as client:
        assert client.get("/models", headers=bearer(text)).status_code == 200
        revoke(settings, prefix)
        eventually(lambda: client.get("/models", headers=bearer(text)).status_code == 401)


def test_while_the_keys_cannot_be_read_nobody_is_let_in(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "MOST_AGE", 0.0)  # every request reads the keys
    text, _ = add_key(settings)
    with running(create_app(settings)) as client:
        database = settings.data / "farol.db"
        with Store.open(settings.store_url) as store, store.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE api_keys RENAME TO away")
        response = client.get("/models", headers=bearer(text))
        error_of(response, 503, "store")
        assert response.headers["retry-after"]
        assert client.get("/health").status_code == 200
        with Store.open(settings.store_url) as store, store.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO api_keys")
        assert client.get("/models", headers=bearer(text)).status_code == 200
        assert database.exists()


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("0.0.0.0", 503)])
def test_until_keys_are_read_only_this_machine_is_answered(
    artifacts: Path, tmp_path: Path, host: str, status: int
) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(artifacts=artifacts, data=tmp_path / "file" / "data", host=host)
    with running(create_app(settings)) as client:
        assert client.get("/models").status_code == status
        error_of(client.get("/monitoring/predictions"), 503, "store")


@pytest.mark.parametrize(
    ("server", "given", "status"),
    [
        (("127.0.0.1", 8000), {}, 200),
        (("::1", 8000), {}, 200),
        (("/run/farol.sock", None), {}, 200),
        (None, {}, 200),
        (("192.168.0.10", 8000), {}, 401),
        (("192.168.0.10", 8000), {"open_network": True}, 200),
        (("127.0.0.1", 8000), {"host": "0.0.0.0"}, 401),
    ],
)
def test_without_a_key_every_server_answers_only_this_machine(
    trained: Path, tmp_path: Path, server: tuple[str, int | None] | None, given: dict[str, Any], status: int
) -> None:
    app = create_app(Settings(artifacts=trained, data=tmp_path, **given))

    async def from_there(scope: Any, receive: Any, send: Any) -> None:
        await app(scope | {"server": server}, receive, send)

    from_there.router = app.router  # type: ignore[attr-defined]  # `running` starts it
    with running(from_there) as client:  # type: ignore[arg-type]  # an app of the same routes
        assert client.get("/models").status_code == status
        assert client.get("/health").status_code == 200


def test_a_data_folder_that_is_away_opens_nothing(artifacts: Path, tmp_path: Path) -> None:
    """An unmounted disk leaves an empty folder, and there were keys."""
    data, away = tmp_path / "data", tmp_path / "away"
    settings = Settings(artifacts=artifacts, data=data)
    text, _ = add_key(settings, Role.read)
    with running(create_app(settings)) as client:
        assert client.get("/models").status_code == 401
    data.rename(away)
    data.mkdir()
    with running(create_app(settings)) as client:
        for path in ("/models", "/monitoring/predictions", "/"):
            assert client.get(path).status_code in {401, 503}
        error_of(client.get("/ready"), 503, "not_ready")
        assert list(data.iterdir()) == [], "no empty database"
        data.rmdir()
        away.rename(data)
        eventually(lambda: client.get("/models", headers={"X-API-Key": text}).status_code == 200)


def test_an_empty_database_in_place_of_one_with_keys_is_shut(artifacts: Path, tmp_path: Path) -> None:
    settings = Settings(artifacts=artifacts, data=tmp_path / "data")
    add_key(settings, Role.read)
    with running(create_app(settings)):
        pass
    shutil.rmtree(settings.data)
    Store.open(settings.store_url).close()
    with running(create_app(settings)) as client:
        error_of(client.get("/models"), 401, "key_needed")


def test_with_a_key_that_works_other_machines_may_reach_it(tmp_path: Path) -> None:
    settings = Settings(host="0.0.0.0", data=tmp_path)
    with pytest.raises(InputError) as caught:
        check_binding(settings)
    assert "farol keys create" in str(caught.value)
    _, prefix = add_key(settings, Role.predict)
    check_binding(settings)
    revoke(settings, prefix)
    with pytest.raises(InputError):
        check_binding(settings)
    add_key(settings, expires=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(InputError):
        check_binding(settings)


@pytest.mark.parametrize(
    ("given", "taken", "refused"),
    [
        (
            {},
            ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000"],
            ["evil.example", "localhost.evil", "[::1].evil", "localhost:x", ""],
        ),
        ({"host": "0.0.0.0", "open_network": True}, ["localhost", "127.0.0.1:80"], ["farol.escola.br", "anything"]),
        ({"host": "192.168.0.10", "open_network": True}, ["192.168.0.10:8000"], ["192.168.0.11", "farol.escola.br"]),
        (
            {"allowed_hosts": "farol.escola.br, *.Rede.example,[fd00::1]"},
            ["farol.escola.br:443", "a.rede.example", "127.0.0.1", "[FD00::1]:80"],
            ["escola.br", "xfarol.escola.br", "rede.example", "evilrede.example", "[fd00::2]"],
        ),
        ({"allowed_hosts": "*"}, ["anything.example"], []),
    ],
)
def test_the_service_answers_to_its_own_names_only(
    tmp_path: Path, given: dict[str, Any], taken: list[str], refused: list[str]
) -> None:
    with running(create_app(Settings(artifacts=tmp_path, data=tmp_path, **given))) as client:
        for name in taken:
            assert client.get("/health", headers={"Host": name}).status_code == 200, name
        for name in refused:
            error_of(client.get("/health", headers={"Host": name}), 400, "unknown_host")


@pytest.mark.parametrize("names", ["*example.org", "a b", "http://example.org", "a/b", "a.example:80"])
def test_names_that_could_never_match_are_reported_at_once(names: str) -> None:
    with pytest.raises(ValidationError):
        Settings(allowed_hosts=names)


@pytest.mark.parametrize("sites", ["*", "example.org", "https://a.example/", "https://a.example,*", "null"])
def test_only_whole_origins_may_be_let_in(sites: str) -> None:
    with pytest.raises(ValidationError):
        Settings(cors_origins=sites)


def preflight(client: Client, origin: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return client.request("OPTIONS", "/predict", headers=headers)


def test_no_other_site_may_read_unless_it_is_named(settings: Settings, locked: Locked) -> None:
    assert "access-control-allow-origin" not in preflight(locked.client, ELSEWHERE).headers
    settings = settings.model_copy(update={"cors_origins": f"http://a.example, {ELSEWHERE}"})
    key, _ = add_key(settings)
    with running(create_app(settings)) as client:
        allowed = preflight(client, ELSEWHERE)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == ELSEWHERE
        assert "access-control-allow-credentials" not in allowed.headers
        refused = preflight(client, "https://other.example")
        assert "access-control-allow-origin" not in refused.headers
        for headers, status in ((bearer(key), 200), ({}, 401)):
            answer = client.post("/predict", headers=headers | {"Origin": ELSEWHERE}, json=PUPIL)
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == ELSEWHERE


def test_each_key_has_its_own_limit_and_open_routes_have_none(settings: Settings) -> None:
    settings = settings.model_copy(update={"rate_limit": 0.001, "rate_burst": 2})
    first, second = (bearer(add_key(settings)[0]) for _ in range(2))
    with running(create_app(settings)) as client:
        begin = time.monotonic()
        assert [client.get("/models", headers=first).status_code for _ in range(3)] == [200, 200, 429]
        response = client.get("/models", headers=first)
        error_of(response, 429, "too_many_requests")
        assert 1_000 - (time.monotonic() - begin) <= int(response.headers["retry-after"]) <= 1_000
        assert client.get("/models", headers=second).status_code == 200
        assert {client.get("/health", headers=first).status_code for _ in range(5)} == {200}
        error_of(client.get("/models"), 401, "key_needed")


def test_without_keys_callers_share_one_limit_off_by_default(settings: Settings, shared: Client) -> None:
    assert {shared.get("/models").status_code for _ in range(50)} == {200}
    limited = settings.model_copy(update={"rate_limit": 0.001, "rate_burst": 1})
    with running(create_app(limited)) as client:
        assert [client.get("/models").status_code for _ in range(2)] == [200, 429]


def test_keys_are_in_no_log_and_no_answer(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    text, prefix = add_key(settings, Role.read)
    wrong = text[:-8] + "00000000"
    with caplog.at_level(logging.DEBUG), running(create_app(settings)) as client:
        answers = [
            client.request(method, f"{path}?key={text}", headers=headers, json={"key": text})
            for method, path in (("GET", "/models"), ("POST", "/predict"), ("GET", "/nowhere"))
            for key in (text, wrong)
            for headers in (bearer(key), basic(key), {"X-API-Key": key})
        ]
        revoke(settings, prefix)
    secret = text.rpartition("_")[2][:16]
    assert {answer.status_code for answer in answers} == {200, 401, 403}
    assert "farol.access" in {record.name for record in caplog.records}
    ours = [record for record in caplog.records if not record.name.startswith("httpx")]  # that is the one who asks
    assert not any(secret in record.getMessage() + str(vars(record)) for record in ours)
    assert not any(secret in answer.text + str(answer.headers) for answer in answers)


def test_a_refused_request_is_logged_by_its_routes_template(locked: Locked, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "farol.access"):
        locked.client.get("/models/Maria/card")
        locked.client.get("/Maria")
    lines = [record.getMessage() for record in caplog.records if record.name == "farol.access"]
    assert [re.split(r" \d+\.\d", line)[0] for line in lines] == ["GET /models/{task}/card 401", "GET - 401"]


def test_lifespan_events_pass_through() -> None:
    seen: list[str] = []

    async def inner(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    settings = Settings()
    service = create_app(settings).state.service

    async def nothing(*_: Any) -> Any:
        return None

    asyncio.run(
        AccessMiddleware(
            inner, settings=settings, keyring=Keyring(lambda: service.store, settings.artifacts, settings.store_url)
        )({"type": "lifespan"}, nothing, nothing)
    )
    assert seen == ["lifespan"]


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "http://localhost:x"])
@pytest.mark.parametrize("path", ["/monitoring/drift/snapshots", "/monitoring/dashboard/snapshot", "/predict"])
def test_an_origin_that_is_no_address_is_refused(shared: Client, path: str, origin: str) -> None:
    assert shared.post(path, headers={"Origin": origin}).status_code == 403
