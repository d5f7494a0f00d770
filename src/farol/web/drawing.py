"""Charts are drawn in a process of its own, which stays for the next ones.

The renderer lets nobody else of its process work: half a second at its start, and some ten milliseconds a chart. It
takes 60 MB.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from contextlib import suppress
from threading import Lock, Timer
from typing import IO, cast

_PROGRAM = "from farol.web.drawing import main; main()"

MOST_SECONDS = 60.0
"""For one chart, the renderer's start on a busy machine included."""


class Renderer:
    """Draws one chart after the other; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def draw(self, spec: str, locale: str) -> str:
        """The SVG of a Vega-Lite specification in JSON. RuntimeError where the renderer ends without an answer."""
        request = json.dumps([spec, locale]).encode()
        with self._lock:
            for _ in range(2):  # once more: something may have ended the process since the chart before
                answer = self._answer(request)
                if answer:
                    return str(json.loads(answer))
        raise RuntimeError("the renderer of charts ended without an answer")

    def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(OSError):  # it has gone already
                process.communicate()

    def _answer(self, request: bytes) -> bytes:
        process = self._process or self._started()
        source, target = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        watch = Timer(MOST_SECONDS, process.kill)
        watch.start()
        try:
            source.write(request + b"\n")
            source.flush()
            answer = target.readline()
        except OSError:
            answer = b""
        finally:
            watch.cancel()
        if not answer.endswith(b"\n"):
            self.close()
            return b""
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        # -P: a file in the working folder must not pass for a module.
        command = [sys.executable, "-P", "-c", _PROGRAM]
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return self._process


def main() -> None:
    """The process: a request a line, until whoever asked has gone."""
    import vl_convert  # noqa: PLC0415  only here

    for line in sys.stdin.buffer:
        spec, locale = json.loads(line)
        drawn = vl_convert.vegalite_to_svg(json.loads(spec), format_locale="pt-BR" if locale == "pt_BR" else "en-US")
        sys.stdout.buffer.write(json.dumps(drawn).encode() + b"\n")
        sys.stdout.buffer.flush()
