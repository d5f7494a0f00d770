"""A real server on a free loopback port, and a real Chromium."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser
from starlette.types import ASGIApp

from farol.app import create_app
from farol.settings import Settings
from tests.browser import chromium_browser
from tests.played import play
from tests.waiting import eventually
from tests.web.site import build_site, settings_in


def serving(settings: Settings) -> AbstractContextManager[str]:
    """The address of a real server of these settings."""
    return serving_app(create_app(settings))


@contextmanager
def serving_app(app: ASGIApp) -> Iterator[str]:
    """The address of a real server of an app."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        eventually(lambda: server.started or not thread.is_alive())
        assert server.started
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site with two models and four weeks of predictions; a file's own, since some ask for more."""
    with serving(build_site(tmp_path_factory.mktemp("site"))) as address:
        yield address


@pytest.fixture(scope="module")
def address(settings: Settings) -> Iterator[str]:
    """Of the site whose `settings` a file of tests has."""
    with serving(settings) as address:
        yield address


@pytest.fixture(scope="module")
def site_web(address: str) -> Iterator[httpx.Client]:
    """A client of that site."""
    with httpx.Client(base_url=address, timeout=120) as client:
        yield client


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site on which nothing was trained yet."""
    with serving(settings_in(tmp_path_factory.mktemp("empty"))) as address:
        yield address


@pytest.fixture(scope="session")
def played_settings(tmp_path_factory: pytest.TempPathFactory, sample_workbook: Path) -> Settings:
    """Of a place in which a year of forecasts has come true; only to be read."""
    settings = settings_in(tmp_path_factory.mktemp("played"))
    play(settings, sample_workbook)
    return settings


@pytest.fixture(scope="session")
def played_site(played_settings: Settings) -> Iterator[str]:
    """The address of that place."""
    with serving(played_settings) as address:
        yield address


@pytest.fixture
def web(site: str) -> Iterator[httpx.Client]:
    """A client of the site that follows no redirects."""
    with httpx.Client(base_url=site, timeout=30) as client:
        yield client


@pytest.fixture
def empty_web(empty_site: str) -> Iterator[httpx.Client]:
    """A client of the empty site."""
    with httpx.Client(base_url=empty_site, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser that looks at the pages; gone with them, since its event loop would be in the way of other tests."""
    with chromium_browser() as browser:
        yield browser


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, the marked copy is waited for."""
    monkeypatch.setattr("farol.web.intake.marked_copy.PATIENCE", 60.0)
