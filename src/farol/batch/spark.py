"""Spark and Sail as engines: a cluster scores the parts, each by the very function of the engine of one machine.

A task gets the number of a part and scores the file's record batches where it runs (`mapInArrow`). The parts, and the
bytes of the bundle, go with the function: Spark broadcasts it once to each worker, and the worker verifies the bundle
before it uses it. Inputs and outputs have to be where all workers see them under the same names.

A part is written under a name of its own and renamed at its end. So a task that is tried again, or runs twice at the
same time because the cluster speculates, comes to the same file and doubles nothing.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any

from farol.batch.arrow import arrow
from farol.batch.job import Job, score_part
from farol.batch.output import Output, is_finished, rows_of
from farol.batch.parts import FilePart
from farol.batch.run import Engine
from farol.batch.score import BatchScorer
from farol.errors import FarolError, InputError, MissingExtraError, Place
from farol.i18n import Message, msg
from farol.model.bundle import FILES, MANIFEST, Bundle, read_bundle
from farol.model.scoring import Scorer

RESULT = "part long, error string"
"""What a task gives back, in Spark's words: the number of a part, and the error in JSON where it failed."""

_LOOK = 0.25
"""Seconds between two looks at what the cluster has finished."""


def open_session(*, master: str | None, remote: str | None) -> Any:
    """A Spark session: of a classic master (`local[2]`, `spark://host:7077`), or by Spark Connect (`sc://host:port`).

    Raises MissingExtraError where the library is not installed, and InputError where nobody answers at the address.
    """
    extra = "sail" if remote else "spark"
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415  an extra
        from pyspark.sql import SparkSession  # noqa: PLC0415

        if not remote:
            import py4j  # noqa: F401, PLC0415
    except ImportError as error:
        raise MissingExtraError(msg("Working on Spark needs a library that is not installed."), extra=extra) from error
    builder = SparkSession.builder.appName("farol")
    try:
        if remote:
            return _patient(builder.remote(remote).getOrCreate())
        # A session by Spark Connect leaves this behind, and pyspark would open no other kind afterwards.
        os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)
        session = builder.master(str(master)).config("spark.ui.showConsoleProgress", "false").getOrCreate()
        # It would fill the terminal with the traceback of each try; the workers have their own logs.
        session.sparkContext.setLogLevel("FATAL")
    except (PySparkException, OSError, RuntimeError, ValueError) as error:
        raise InputError(
            msg("Spark cannot be reached."),
            expected=msg("a master such as {master}, or a server of Spark Connect such as {remote}",
                         master="spark://host:7077", remote="sc://host:15002"),
            got=msg("{kind}", kind=type(error).__name__),
            where=Place(field=remote or master),
            fix=msg("Check that Spark is running and that the address is right."),
        ) from error  # fmt: skip
    return session


def _patient(session: Any) -> Any:
    """A session that asks a server again for ten seconds, not for ten minutes, before it says that nobody answers. For
    one that died it asks several times: for its answer, its state, its end.
    """
    from pyspark.sql.connect.client.retries import DefaultPolicy  # noqa: PLC0415  an extra

    warnings.filterwarnings("ignore", message=".*RETRIES_EXCEEDED")  # our error says it
    session.client.set_retry_policies([DefaultPolicy(max_retries=6, max_backoff=4000)])
    return session


def on_spark(session: Any) -> Engine:
    """The engine of a cluster: a task for each part."""

    def engine(job: Job, places: Sequence[int], gather: Callable[[], None]) -> None:
        if not places:
            return
        scorer = job.scorer
        sent = SentJob(
            bundle=SentBundle.of(scorer.scorer.bundle),
            parts={place: job.parts[place] for place in places},
            output=job.output,
            schema=job.schema,
            reasons=scorer.reasons,
            locale=scorer.locale,
        )
        # A range has a partition for each of its numbers, and so a task for each part.
        numbers = session.range(0, len(places), 1, len(places))
        order = list(places)

        def score(batches: Iterator[Any]) -> Iterator[Any]:
            return sent.score(order[number] for batch in batches for number in batch.column(0).to_pylist())

        unseen = set(places)
        with ThreadPoolExecutor(1, "farol-spark") as thread:
            task = thread.submit(lambda: numbers.mapInArrow(score, RESULT).collect())
            try:
                while not task.done():
                    wait([task], timeout=_LOOK)
                    for place in [place for place in unseen if is_finished(job.output, place)]:
                        unseen.discard(place)
                        job.progress(rows_of(job.output, place), job.parts[place].size)
                    gather()
            except BaseException:  # Ctrl-C, too: the cluster has other work to do
                _interrupt(session)
                raise
        _check(task.result, unseen, job)

    return engine


def _check(result: Callable[[], Sequence[Any]], unseen: set[int], job: Job) -> None:
    """Raise the first error of a task, or that of the cluster."""
    with cluster_gave_up(msg("Look into its log, then start again: finished parts are kept.")):
        rows = result()
    for row in sorted((row for row in rows if row.error), key=lambda row: row.part):
        raise _error_of(row.error)
    missing = [place for place in sorted(unseen) if not is_finished(job.output, place)]
    if missing:
        raise InputError(
            msg("The workers do not write where the output is looked for."),
            expected=msg("a folder that this machine and all workers see under the same name"),
            where=Place(file=str(job.output.work)),
            fix=msg("Name a folder on a disk that all of them share, with --out and --work."),
        )


@contextmanager
def cluster_gave_up(fix: Message) -> Iterator[None]:
    """What a cluster raises that gives up, as InputError."""
    try:
        yield
    except _cluster_errors() as error:
        raise InputError(
            msg("The cluster gave up."),
            got=msg("{kind}", kind=type(error).__name__),
            fix=fix,
        ) from error


def _cluster_errors() -> tuple[type[Exception], ...]:
    """What a cluster that gives up, or goes away, raises here."""
    from pyspark.errors import PySparkException  # noqa: PLC0415  an extra

    try:
        from py4j.protocol import Py4JError  # noqa: PLC0415  of the classic way alone
    except ImportError:
        return PySparkException, OSError
    return PySparkException, OSError, Py4JError


def _error_of(text: str) -> InputError:
    known = json.loads(text)
    expected, got, fix = (Message(known[key]) if key in known else None for key in ("expected", "got", "fix"))
    where = Place(**known.get("where", {}))
    return InputError(Message(known["message"]), expected=expected, got=got, where=where, fix=fix)


def _interrupt(session: Any) -> None:
    if hasattr(session, "interruptAll") and not hasattr(session, "_jsc"):
        session.interruptAll()
    else:
        session.sparkContext.cancelAllJobs()


@dataclass(frozen=True, slots=True, eq=False)
class SentBundle:
    """A bundle as bytes, on its way to a worker."""

    version: str
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, bundle: Bundle) -> SentBundle:
        """The bytes of the bundle's files."""
        names = (MANIFEST, *FILES)
        return cls(bundle.version, {name: (bundle.path / name).read_bytes() for name in names})

    def unpacked(self) -> Scorer:
        """A scorer of the bundle. Raises BundleError where a file is not what its manifest says."""
        with tempfile.TemporaryDirectory(prefix="farol-bundle-") as folder:
            path = Path(folder) / self.version
            path.mkdir()
            for name, content in self.files.items():
                (path / name).write_bytes(content)
            return Scorer(read_bundle(path))


_SCORERS: dict[str, Scorer] = {}
_LOCK = Lock()  # Sail runs the tasks of a worker as threads

_PLACES = BoundedSemaphore(os.cpu_count() or 1)
"""Parts that one process scores at once. Sail begins all parts of a query at once, as threads: more than there are
processors would hold each other up, and take nearly twice as long (`python -m benchmarks.engines`).
"""


def _scorer_of(bundle: SentBundle) -> Scorer:
    """The scorer of a bundle, which is unpacked and verified once in each worker."""
    with _LOCK:
        if bundle.version not in _SCORERS:
            _SCORERS.clear()
            _SCORERS[bundle.version] = bundle.unpacked()
        return _SCORERS[bundle.version]


@dataclass(frozen=True, slots=True, eq=False)
class SentJob:
    """Parts with all that a worker needs to score them."""

    bundle: SentBundle
    parts: Mapping[int, FilePart]
    output: Output
    schema: Any  # pyarrow.Schema
    reasons: int
    locale: str

    def score(self, places: Iterator[int]) -> Iterator[Any]:
        """Score parts; a pyarrow.RecordBatch of RESULT for each. An error of ours would come again: it is no failure
        of the task, which the cluster would try again.
        """
        for place in places:
            error = None
            try:
                self._score(place)
            except FarolError as raised:
                error = json.dumps(raised.as_dict(self.locale))
            yield _result(place, error)

    def _score(self, place: int) -> None:
        if is_finished(self.output, place):  # by a task that ran before
            return
        scorer = BatchScorer(_scorer_of(self.bundle), reasons=self.reasons, locale=self.locale)
        with _PLACES:
            score_part(Job(scorer, self.parts, self.output, self.schema, lambda _rows, _bytes: None), place)


def _result(place: int, error: str | None) -> Any:
    pa = arrow()
    return pa.RecordBatch.from_arrays(
        [pa.array([place], pa.int64()), pa.array([error], pa.string())], ["part", "error"]
    )
