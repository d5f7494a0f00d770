"""Pages of pupils say when their answers are not to be relied on, to whoever may see them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.store.database import Store
from tests.bundles import make_bundle
from tests.school.invented import TASK, answer, fill
from tests.web.conftest import serving
from tests.web.site import predictions, settings_in

WORDS = "não confie nestas respostas"
PAGES = ("/pupils", "/classes", "/classes/one?class=3A", "/pupils/RA-1", "/pupils/print")


@pytest.mark.parametrize(("shift", "is_told"), [(0.0, False), (4.0, True)])
def test_lists_say_when_not_to_rely_on_them(tmp_path: Path, shift: float, is_told: bool) -> None:
    settings = settings_in(tmp_path)
    Registry(settings.artifacts).promote(TASK, make_bundle(settings.artifacts, TASK).name)
    with Store.open(settings.store_url) as store:
        fill(store, [answer(f"RA-{number}", **{"class": "3A"}) for number in range(1, 8)])
        scorer = Scorer(Registry(settings.artifacts).load(TASK))
        store.write(predictions(scorer, n=400, at=datetime.now(UTC), shift=shift, seed=1))
    with serving(settings) as url:
        for page in PAGES:
            shown = httpx.get(f"{url}{page}", headers={"Accept-Language": "pt-BR"}, timeout=60)
            assert shown.status_code == 200
            assert (WORDS in shown.text) == is_told, page
        kinds = {
            advice["kind"]
            for task in httpx.get(f"{url}/monitoring/status").json()["tasks"]
            for advice in task["advice"]
        }
    assert ("distrust" in kinds) == is_told
