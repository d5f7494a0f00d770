"""The pictures of the README: the pages over the sample workbook, in Chromium, both languages, into docs/images.

Run with the project's environment: `python -m scripts.screenshots`. It trains both tasks on the sample first, and
takes about a minute. The last week of the simulated month is shifted, so that there is something to see.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser

from farol.drift.report import take_snapshot
from farol.drift.simulate import simulate
from farol.drift.windows import parse_window
from farol.model.bundle import read_bundle, write_bundle
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.profile import load_profile
from farol.settings import Settings
from farol.store.database import Store
from farol.training.train import train
from farol.workbook.panel import read_panel
from farol.workbook.sample import write_sample
from tests.browser import chromium_browser
from tests.web.conftest import serving

PROJECT = Path(__file__).resolve().parents[1]
IMAGES = PROJECT / "docs" / "images"
LARGEST = 250_000
SHOTS = {
    "dashboard": ("/monitoring/dashboard?window=7d&lang=en", 1500),
    "painel": ("/monitoring/dashboard?window=7d&lang=pt-BR", 1500),
    "home": ("/?lang=en", 1180),
    "inicio": ("/?lang=pt-BR", 1180),
}
"""Name → address and height of the picture."""


def fill(folder: Path) -> Settings:
    """Both models trained on the sample, and a month of simulated predictions with a snapshot a week."""
    settings = Settings(artifacts=folder / "artifacts", data=folder / "data")
    panel = read_panel(write_sample(folder / "sample.xlsx"), load_profile("pede"))
    registry, now = Registry(settings.artifacts), datetime.now(UTC)
    with Store.open(settings.store_url) as store:
        for task in panel.profile.tasks:
            bundle = read_bundle(write_bundle(settings.artifacts, train(panel, task)))
            registry.promote(task, bundle.version)
            for week in range(4):
                at, shift = now - timedelta(days=21 - 7 * week), "moderate" if week == 3 else "none"
                simulate(panel, Scorer(bundle), store, n=300, shift=shift, seed=week, days=7, now=at)
                take_snapshot(store, bundle, parse_window("7d", now=at), at=at)
    return settings


def take(browser: Browser, address: str) -> None:
    """Every picture, of the drift page also one feature, and a failure for one that is too large for a README."""
    for name, (path, height) in SHOTS.items():
        page = browser.new_page(viewport={"width": 1180, "height": height})
        page.goto(address + path)
        file = IMAGES / f"{name}.png"
        page.screenshot(path=file)
        if "dashboard" in path:
            page.locator("#feature-IDA").screenshot(path=IMAGES / f"{name}-feature.png")
        page.close()
        if file.stat().st_size > LARGEST:
            raise SystemExit(f"{file.name} is larger than {LARGEST} bytes")


def main() -> None:
    """Fill a temporary folder, serve it, take the pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(fill(Path(folder))) as address,
        chromium_browser() as browser,
    ):
        take(browser, address)


if __name__ == "__main__":
    main()
