"""A page is for people: what needs a terminal stands apart, and pages that a text names are links."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from farol.accounts.viewer import NOBODY_IN_PARTICULAR, User, UserRole, Viewer
from farol.model.registry import Registry
from farol.web.locale import Reader
from farol.web.wording import linked, told
from tests.bundles import make_bundle
from tests.web.conftest import serving
from tests.web.site import settings_in

READER = Reader("pt_BR", chosen=False, timezone=ZoneInfo("America/Sao_Paulo"))
LOOKS_ON = Viewer(User("1", "ana", "Ana", UserRole.reader))


@pytest.mark.parametrize(
    ("text", "words", "keeper"),
    [
        ("Wait a moment. Load it again.", "Wait a moment. Load it again.", ""),
        ("Train one with `farol train`.", "", "Train one with <code>farol train</code>."),
        ("It is large. If so, raise FAROL_DATA.", "It is large.", "If so, raise FAROL_DATA."),
        ("Choose one of them with --year. Or none.", "Or none.", "Choose one of them with --year."),
        ("No Farol run por aqui. Rode farol status <já>.", "No Farol run por aqui.", "Rode farol status &lt;já&gt;."),
    ],
)
def test_sentences_for_a_terminal_are_parted(text: str, words: str, keeper: str) -> None:
    parts = told([text])
    assert (parts.words, parts.keeper) == (words, keeper)


def test_a_page_that_a_text_names_is_a_link_where_allowed() -> None:
    text = "Veja /monitoring/dashboard?task=x&slice=class=9B <e> /workbooks."
    link = '<a href="/monitoring/dashboard?task=x&amp;slice=class%3D9B">Monitoramento: turma 9B</a>'
    assert linked(text, READER, NOBODY_IN_PARTICULAR) == (f'Veja {link} &lt;e&gt; <a href="/workbooks">Planilha</a>.')
    assert linked(text, READER, LOOKS_ON) == f"Veja {link} &lt;e&gt; “Planilha”."
    assert linked(text, READER, None) == "Veja “Monitoramento: turma 9B” &lt;e&gt; “Planilha”."
    assert linked("/monitoring/dashboards", READER, NOBODY_IN_PARTICULAR) == "/monitoring/dashboards"


def test_a_damaged_model_sends_nobody_to_a_terminal(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    version = make_bundle(settings.artifacts, "next-year")
    Registry(settings.artifacts).promote("next-year", version.name)
    (version / "manifest.json").write_text("{}")
    with serving(settings) as address, httpx.Client(base_url=address, timeout=60) as client:
        for path in ("/", "/monitoring/advice", "/administration", "/administration/models", "/pupils"):
            answer = client.get(path, headers={"Accept": "text/html"}).text
            page = re.sub(r'<details class="keeper">.*?</details>', "", answer, flags=re.DOTALL)
            assert re.findall(r"farol [a-z]+|`|FAROL_|--[a-z]\w+", page.partition("<main")[2]) == [], path
        advice = client.get("/monitoring/advice").text
        assert '<a href="/administration/models">' in advice
        assert "<code>farol models verify</code>" in advice
