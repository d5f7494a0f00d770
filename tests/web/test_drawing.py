"""Charts are drawn in a process of its own, whatever becomes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from farol.web.drawing import Renderer
from tests.waiting import eventually

BARS = '{"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a", "type": "quantitative"}}}'


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


def pid(renderer: Renderer) -> int:
    assert renderer._process is not None
    return renderer._process.pid


def test_a_chart_is_drawn_and_the_process_stays(renderer: Renderer) -> None:
    assert renderer.draw(BARS, "en").startswith("<svg")
    first = pid(renderer)
    assert renderer.draw(BARS, "pt_BR").startswith("<svg")
    assert pid(renderer) == first


def test_whoever_asks_loads_no_renderer() -> None:
    program = (
        "import sys; from farol.web.charts import Bar, distribution; distribution([Bar('0', 0.5, 0.5)], 'en');"
        "sys.exit('vl_convert' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signal")
def test_after_a_kill_the_next_chart_is_drawn(renderer: Renderer) -> None:
    renderer.draw(BARS, "en")
    os.kill(pid(renderer), signal.SIGKILL)
    assert renderer.draw(BARS, "en").startswith("<svg")


def test_what_cannot_be_drawn_is_an_error_and_stops_nothing(renderer: Renderer) -> None:
    with pytest.raises(RuntimeError, match="without an answer"):
        renderer.draw("[]", "en")
    assert renderer.draw(BARS, "en").startswith("<svg")


def test_a_renderer_that_says_nothing_is_ended(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farol.web.drawing._PROGRAM", "import time; time.sleep(3600)")
    monkeypatch.setattr("farol.web.drawing.MOST_SECONDS", 0.2)
    with pytest.raises(RuntimeError, match="without an answer"):
        renderer.draw(BARS, "en")


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such signal")
def test_it_ends_with_whoever_asked() -> None:
    program = (
        "from farol.web.drawing import Renderer; import sys, time; made = Renderer(); made.draw(sys.argv[1], 'en');"
        "print(made._process.pid, flush=True); time.sleep(3600)"
    )
    with subprocess.Popen([sys.executable, "-c", program, BARS], stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        child = int(asking.stdout.readline())
        asking.kill()
    eventually(lambda: not _is_running(child))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
