"""A workbook sent to a site, and what its pages say."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import httpx

from tests.workbook.making import pupils, write_xlsx


def sent(client: httpx.Client, *files: tuple[str, bytes]) -> httpx.Response:
    return client.post("/workbooks", files=[("files", file) for file in files], params={"lang": "pt-BR"})


def taken(client: httpx.Client, *files: tuple[str, bytes]) -> str:
    answer = sent(client, *files)
    assert answer.status_code == 303, words(answer)
    return answer.headers["location"].partition("?")[0]


def text_of(html: str) -> str:
    """What a page, or a part of one, says in one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def main_text(page: str) -> str:
    """The text of the main part of a page."""
    return text_of(page.partition("<main")[2].partition("</main>")[0])


def words(answer: httpx.Response) -> str:
    """The text of a page's content."""
    return main_text(answer.text)


def lasting(page: str) -> str:
    """A page without its nonces, whose letters chance draws for each answer."""
    return re.sub(r"(nonce=\"|nonce-)[\w-]+", r"\1", page)


def heading(answer: httpx.Response) -> str:
    match = re.search(r"<h1>(.*?)</h1>", answer.text, re.DOTALL)
    assert match is not None
    return unescape(match[1])


def faulty(folder: Path) -> tuple[str, bytes]:
    rows = pupils(40)
    at = rows[0].index("IEG")
    for number in (1, 5, 7):
        rows[number][at] = "n/v"
    rows[0][rows[0].index("Matem")] = "Nota Matemátic 2024"
    rows[0].append("Cor da mochila")
    for row in rows[1:]:
        row.append("azul")
    return "ano.xlsx", write_xlsx(folder / "ano.xlsx", {"PEDE2024": rows}).read_bytes()
