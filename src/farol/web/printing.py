"""A page of ours as PDF, through a Chromium that is there already; none is downloaded, and it asks nobody anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from farol.errors import InputError, Place
from farol.i18n import msg

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
SECONDS = 60

_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # whatever it may want to ask, it finds nobody
)


def find_browser() -> str | None:
    """A Chromium: one on the PATH, else the one that Playwright installed."""
    browser = next((path for name in NAMES if (path := shutil.which(name))), None)
    if browser is None and find_spec("playwright") is not None:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415  # there only where someone installed it

        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
        browser = path if Path(path).exists() else None
    return browser


def print_pdf(html: str) -> bytes:
    """The PDF of a page that needs nothing else. InputError where there is no browser, or it cannot print."""
    browser = find_browser()
    if browser is None:
        raise _unprinted(fix=True)
    # Chromium's own sandbox cannot start as root; the page is ours, and nothing in it may run.
    flags = [*_FLAGS, *(["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else [])]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page, pdf = Path(folder, "page.html"), Path(folder, "page.pdf")
        page.write_text(html, encoding="utf-8")
        command = [browser, *flags, f"--user-data-dir={folder}/profile", f"--print-to-pdf={pdf}", page.as_uri()]
        try:
            subprocess.run(command, check=False, capture_output=True, timeout=SECONDS)  # noqa: S603  # a browser's path
        except (OSError, subprocess.TimeoutExpired):
            raise _unprinted() from None
        if not pdf.exists():
            raise _unprinted()
        return pdf.read_bytes()


def _unprinted(*, fix: bool = False) -> InputError:
    if fix:
        return InputError(
            msg("There is no browser to make a PDF with."),
            expected=msg("Chromium or Google Chrome on the PATH"),
            where=Place(field="--pdf"),
            fix=msg("Install one, or open the HTML file in any browser and print it."),
        )
    return InputError(
        msg("The browser made no PDF."),
        where=Place(field="--pdf"),
        fix=msg("Open the HTML file in any browser and print it."),
    )
