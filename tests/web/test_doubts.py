"""Pages of pupils say when their answers are not to be relied on, to whoever may see them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest

from farol.accounts.viewer import NOBODY_IN_PARTICULAR
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.service import Service
from farol.settings import Settings
from farol.store.database import Store
from farol.web.advice import doubts, look
from farol.web.locale import Reader
from tests.bundles import put_into_use
from tests.school.invented import TASK, answer, fill
from tests.waiting import eventually
from tests.web.conftest import serving
from tests.web.site import predictions, settings_in

WORDS = "não confie nestas respostas"
PAGES = ("/pupils", "/classes", "/classes/one?class=3A", "/pupils/RA-1", "/pupils/print")


def told(client: httpx.Client, page: str) -> bool:
    return WORDS in client.get(page).text


def site(folder: Path, shift: float) -> Settings:
    """Seven pupils of a class, and 400 answers for others whose values are `shift` lower than in training."""
    settings = settings_in(folder)
    put_into_use(settings.artifacts, TASK)
    with Store.open(settings.store_url) as store:
        fill(store, [answer(f"RA-{number}", **{"class": "3A"}) for number in range(1, 8)])
        scorer = Scorer(Registry(settings.artifacts).load(TASK))
        store.write(predictions(scorer, n=400, at=datetime.now(UTC), shift=shift, seed=1))
    return settings


def test_lists_say_when_not_to_rely_on_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farol.app.TRUST_SECONDS", 0.1)
    with serving(site(tmp_path, 4.0)) as url, httpx.Client(base_url=url, timeout=60) as client:
        client.headers["Accept-Language"] = "pt-BR"
        for page in PAGES:
            eventually(partial(told, client, page))


@pytest.mark.parametrize(("shift", "is_told"), [(0.0, False), (4.0, True)])
def test_the_doubt_on_the_pages_is_the_advice_to_distrust(tmp_path: Path, shift: float, is_told: bool) -> None:
    service = Service(site(tmp_path, shift))
    service.refresh()
    look(service)
    assert [status.task for status in service.statuses] == [TASK]
    assert ("distrust" in {advice.kind for status in service.statuses for advice in status.advice}) == is_told
    assert (
        bool(doubts(service, Reader("pt_BR", chosen=False, timezone=service.timezone), NOBODY_IN_PARTICULAR)) == is_told
    )
    service.store.close()
