"""The pictures of the README: the demonstration's pages in Chromium, in both languages, into docs/images.

Run with the project's environment: `python -m scripts.screenshots`. It makes a demonstration in a temporary folder
first, as `farol demo` does, and takes about a minute. Every pupil in the pictures is invented.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from farol.cli.demo import prepare_demonstration
from farol.settings import Settings
from tests.browser import chromium_browser
from tests.web.conftest import serving

PROJECT = Path(__file__).resolve().parents[1]
IMAGES = PROJECT / "docs" / "images"
LARGEST = 250_000
SHOTS = {
    "home": "/?lang=en",
    "inicio": "/?lang=pt-BR",
    "dashboard": "/monitoring/dashboard?lang=en",
    "painel": "/monitoring/dashboard?lang=pt-BR",
}
"""Name → address of the picture."""


def take(browser: Browser, address: str) -> None:
    """The top of every page, and a failure for a picture that is too large for a README."""
    for name, path in SHOTS.items():
        page = browser.new_page(viewport={"width": 1180, "height": 1280})
        page.goto(address + path)
        file = IMAGES / f"{name}.png"
        page.screenshot(path=file)
        page.close()
        if file.stat().st_size > LARGEST:
            raise SystemExit(f"{file.name} is larger than {LARGEST} bytes")


def main() -> None:
    """Make a demonstration, serve it, take the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = prepare_demonstration(Settings(data=Path(folder)))
        with serving(settings) as address, chromium_browser() as browser:
            take(browser, address)


if __name__ == "__main__":
    main()
