"""The child process of a job: read, train, compare; then, in one go that can be begun again, put into use and record.

Before the switch nothing is written but the job's own row and files beside the upload. The switch is written down first
(`details.switching`): whatever cuts the job off behind that point, it is begun again and comes to the same end, since
each of its steps may be done twice.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from traceback import extract_tb
from typing import Any, BinaryIO

from farol.errors import BundleError, FarolError, InputError, PlanError, WorkbookError
from farol.evaluation.metrics import MEASURES
from farol.i18n import Message, in_every_locale, msg
from farol.intake import jobs
from farol.intake.columns import headers_of
from farol.intake.review import ReadRequest
from farol.intake.uploads import BUNDLES, Upload, find_upload, folder_of, remove_files, set_state, workbook_of
from farol.model.bundle import Bundle, write_bundle
from farol.model.registry import Registry
from farol.model.scoring import Scorer
from farol.model.workbook_note import WorkbookNote, write_note
from farol.outcomes.matching import record_panel
from farol.outcomes.report import outcome_report
from farol.profile import parse_profile
from farol.pupils.forecast import forecast_panel
from farol.school.names import keep_names, names_are_on, names_in
from farol.school.recording import record_answers, record_years
from farol.settings import Settings
from farol.store.database import Store
from farol.workbook.panel import Panel, read_panel
from farol.workbook.selection import SheetNeeds

BEAT_SECONDS = 1.0
COMPARED = ("roc_auc", "precision_top", "recall_top", "brier")
"""The figures of a new model that are shown beside those of the model in use."""
UNWANTED = 75
"""The exit code of a child whose job was cancelled, or whose service has gone."""
AGAIN = 76
"""The exit code of a child whose job is to be begun again."""
_NICER = 5


def main(source: BinaryIO) -> None:
    """Do the job that the first line of `source` names; end when `source` ends."""
    request = json.loads(source.readline())
    settings = Settings(**request["settings"])
    threading.Thread(target=_end_with, args=(source,), daemon=True).start()
    with Store.of(settings) as store:
        if jobs.take(store, request["job"], _now()):
            threading.Thread(target=_keep_beating, args=(store, request["job"]), daemon=True).start()
            Work(settings, store, request["job"]).do()


def _end_with(source: BinaryIO) -> None:
    source.read()
    os._exit(UNWANTED)


def _keep_beating(store: Store, job: str) -> None:
    while True:
        threading.Event().wait(BEAT_SECONDS)
        try:
            wanted = jobs.beat(store, job, _now())
        except FarolError:  # the database may come back before we are thought dead
            continue
        if not wanted:
            os._exit(UNWANTED)


class Work:
    """One job being done."""

    def __init__(self, settings: Settings, store: Store, job: str) -> None:
        self._settings, self._store, self._job = settings, store, job
        self._registry = Registry(settings.artifacts)
        self._is_switching, self._attempts = False, 0

    def do(self) -> None:
        """To the end, good or bad: the job's row says which."""
        try:
            self._do()
        except FarolError as error:
            about = [part for part in (_where(error), error.expected, error.got) if part is not None]
            self._fail(error.problem, error.fix or jobs.START_AGAIN, about)
        except MemoryError:
            self._fail(msg("The computer ran out of memory."), msg("Close other programs, and start it again."), [])
        except Exception as error:  # noqa: BLE001  whatever it is, the page must say that it is over
            frame = extract_tb(error.__traceback__)[-1]  # names code, never a value
            kind = f"{type(error).__name__}, {Path(frame.filename).name}:{frame.lineno}"
            self._fail(msg("Something unforeseen went wrong: {kind}.", kind=kind), jobs.START_AGAIN, [])

    def _fail(self, message: Message, fix: Message, lines: list[Message]) -> None:
        """Over, or behind the point of no return begun again by the service, as long as there are attempts."""
        if self._is_switching:
            if self._attempts < jobs.MOST_ATTEMPTS:
                os._exit(AGAIN)
            lines = [*lines, jobs.HALF_WAY]
        jobs.end(self._store, self._job, "failed", jobs.problem(message, fix, lines), _now())

    def _do(self) -> None:
        job = jobs.find_job(self._store, self._job)
        upload = None if job is None else find_upload(self._store, str(job.details.get("upload")))
        if job is None or upload is None or not folder_of(self._settings, upload.id).is_dir():
            raise InputError(msg("The workbook is no longer here."), fix=msg("Send it again."))
        details = dict(job.details)
        self._is_switching, self._attempts = bool(details.get("switching")), int(details.get("attempts", 0))
        self._tell(msg("Reading the workbook"), 0.02)
        panel = self._read(upload, details)
        if not details.get("switching"):
            details |= self._prepared(job.kind, upload, panel, details)
            details["switching"] = True
            if not jobs.set_details(self._store, self._job, details):
                os._exit(UNWANTED)
            self._is_switching = True
        self._switch(job.kind, upload, panel, details)

    def _tell(self, stage: Message, share: float) -> None:
        if not jobs.tell(self._store, self._job, stage, share):
            os._exit(UNWANTED)

    def _read(self, upload: Upload, details: Mapping[str, Any]) -> Panel:
        profile = parse_profile(details["profile"].encode(), f"{details['origin']}.toml")
        headers, year = headers_of(self._store, profile), details.get("year")
        path = workbook_of(self._settings, upload)
        request = ReadRequest.of(path, profile, headers, self._settings, year)
        return read_panel(path, request.whole_profile(), request.limits, SheetNeeds(year=year))

    def _prepared(self, kind: str, upload: Upload, panel: Panel, details: Mapping[str, Any]) -> dict[str, Any]:
        """What the switch will do: the tasks to put into use with their versions, and what was said of all."""
        if kind == "train":
            return self._trained(upload, panel)
        if kind == "use":
            return {"use": dict(details["use"]), "tasks": [], "force": True}
        if not self._registry.stamps():
            raise BundleError(msg("No model is in use yet."), fix=msg("Train with a workbook of several years first."))
        return {"use": {}, "tasks": [], "force": False}

    def _trained(self, upload: Upload, panel: Panel) -> dict[str, Any]:
        from farol.training.train import train  # noqa: PLC0415  the libraries that train take seconds to load

        if hasattr(os, "nice"):  # requests go first
            os.nice(_NICER)
        staged = folder_of(self._settings, upload.id) / BUNDLES
        shutil.rmtree(staged, ignore_errors=True)
        names, told, use, refusals = list(panel.profile.tasks), [], {}, []
        for place, name in enumerate(names):

            def progress(message: Message, fraction: float, place: int = place, name: str = name) -> None:
                title = panel.profile.tasks[name].title
                words = msg("{task}: {stage}", task=title, stage=message)
                self._tell(words, 0.05 + 0.85 * (place + fraction) / len(names))

            try:
                trained = train(panel, name, progress=progress)
            except PlanError as error:
                refusals.append(error)
                told.append(_untrained(panel, name, error))
                continue
            version = write_bundle(staged, trained).name
            bundle = Registry(staged).load(name, version)
            told.append(_compared(bundle, self._in_use(name)))
            if bundle.report["promotable"]:
                use[name] = version
        if len(refusals) == len(names):
            raise refusals[0]
        told.sort(key=lambda task: -panel.profile.tasks[task["task"]].horizon)  # next year's question is the useful one
        return {"use": use, "tasks": told, "force": False}

    def _in_use(self, task: str) -> Bundle | None:
        try:
            return self._registry.load(task)
        except BundleError:
            return None

    def _switch(self, kind: str, upload: Upload, panel: Panel, details: Mapping[str, Any]) -> None:
        """Outcomes first, since a model that learned from them must not answer for them; then models, then lists."""
        self._tell(msg("Comparing last year's forecasts with what came true"), 0.91)
        result: dict[str, Any] = {"tasks": details["tasks"], "used": details["use"]}
        result["outcomes"] = [] if kind == "use" else list(self._outcomes(panel))
        self._tell(msg("Putting the models into use"), 0.93)
        staged = folder_of(self._settings, upload.id) / BUNDLES
        for task, version in details["use"].items():
            _install(staged / task / version, self._settings.artifacts / task / version)
            self._registry.promote(task, version, force=bool(details["force"]))
        if details["use"]:
            self._remember(upload, panel)
        self._tell(msg("Storing this year's answers and making the lists"), 0.95)
        result["forecasts"] = list(self._forecasts(panel))
        record_years(self._store, panel)
        self._keep_names(upload, panel, details)
        trained = {told["task"]: told["version"] for told in details["tasks"] if told["version"]}
        left = dict(details.get("left") or {task: v for task, v in trained.items() if task not in details["use"]})
        result["left"] = left
        result["file"] = upload.name
        set_state(self._store, upload.id, "used", upload.review)
        if not left:  # the pupils' file is needed no longer
            remove_files(self._settings, upload.id)
        jobs.end(self._store, self._job, "done", result, _now())

    def _keep_names(self, upload: Upload, panel: Panel, details: Mapping[str, Any]) -> None:
        """The names of the pupils, if the school wants them and the workbook has any."""
        if names_are_on(self._store):
            path, year = workbook_of(self._settings, upload), details.get("year")
            request = ReadRequest.of(path, panel.profile, {}, self._settings, year)
            with suppress(WorkbookError):
                keep_names(self._store, names_in(path, panel.profile, year=year, limits=request.limits))

    def _outcomes(self, panel: Panel) -> Iterator[dict[str, Any]]:
        try:
            recorded = record_panel(self._store, self._registry, panel, at=_now())
        except (InputError, WorkbookError) as error:  # the sheet has no answers, or repeats another
            yield {"note": in_every_locale(error.problem)}
            return
        for name in panel.profile.tasks:
            report = outcome_report(self._store, self._registry, panel.profile, name, recorded.year)
            if report is None or not report.counts.measured:
                continue
            yield {
                "task": name,
                "title": in_every_locale(msg("{title}", title=panel.profile.tasks[name].title)),
                "year": recorded.year,
                "measured": report.counts.measured,
                "figures": [
                    {
                        "measure": c.metric,
                        "name": in_every_locale(MEASURES[c.metric].title),
                        "meaning": in_every_locale(MEASURES[c.metric].meaning),
                        "promised": None if c.promised is None else c.promised.value,
                        "came": None if c.realised is None else c.realised.value,
                        "verdict": c.verdict,
                    }
                    for c in report.together.comparisons
                    if c.metric in ("precision", "recall", "roc_auc")
                ],
            }

    def _remember(self, upload: Upload, panel: Panel) -> None:
        years = panel.year.tolist()
        severities = [finding.severity for finding in panel.findings]
        note = WorkbookNote(
            path=upload.name,
            sha256=upload.files[0].sha256,
            pupils={year: years.count(year) for year in panel.years},
            findings={severity: severities.count(severity) for severity in dict.fromkeys(severities)},
        )
        write_note(self._settings.artifacts, note)

    def _forecasts(self, panel: Panel) -> Iterator[dict[str, Any]]:
        tasks = panel.profile.tasks
        # A question about this year is answered by the workbook itself.
        for name in [name for name, task in tasks.items() if task.horizon] or list(tasks):
            bundle = self._in_use(name)
            if bundle is None or bundle.profile.name != panel.profile.name:
                continue
            scorer = Scorer(bundle)
            forecasts = forecast_panel(scorer, panel, self._store, at=_now())
            record_answers(self._store, scorer, panel, forecasts)
            yield {
                "task": name,
                "title": in_every_locale(msg("{title}", title=bundle.task_spec.title)),
                "year": forecasts.year,
                "pupils": len(forecasts.rows),
                "unanswered": forecasts.unanswered,
                "expected": round(forecasts.expected.value),
                "low": forecasts.expected.low,
                "high": forecasts.expected.high,
            }


def _install(source: Path, target: Path) -> None:
    """Put a bundle where the registry finds it, whole or not at all; one that is there already stays."""
    if target.exists():
        return
    fresh = target.with_name(f".{target.name}.job")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        shutil.copytree(source, fresh)
        fresh.replace(target)
    except OSError as error:
        raise BundleError(
            msg("The model cannot be put in its place."),
            fix=msg("Check the free space and the permissions of the folder."),
        ) from error


def _compared(bundle: Bundle, served: Bundle | None) -> dict[str, Any]:
    """What a new model's test says, beside that of the model in use, and whether it may be used."""
    new, old = bundle.report["test"], {} if served is None else served.report["test"]
    return {
        "task": bundle.task,
        "title": in_every_locale(msg("{title}", title=bundle.task_spec.title)),
        "state": in_every_locale(msg("{title}", title=bundle.profile.label.state)),
        "version": bundle.version,
        "served": None if served is None else served.version,
        "promotable": bool(bundle.report["promotable"]),
        "reasons": [
            {"pt_BR": reason["pt"], "en": reason["en"]}
            for reason in bundle.report.get("promotion", {}).get("reasons", ())
        ],
        "figures": [
            {
                "measure": name,
                "name": in_every_locale(MEASURES[name].title),
                "meaning": in_every_locale(MEASURES[name].meaning),
                "greater_is_better": MEASURES[name].greater_is_better,
                "new": _figure(new.get(name)),
                "served": _figure(old.get(name)),
            }
            for name in COMPARED
        ],
    }


def _untrained(panel: Panel, name: str, error: PlanError) -> dict[str, Any]:
    reasons = [in_every_locale(part) for part in (error.problem, error.expected, error.fix) if part is not None]
    return {
        "task": name,
        "title": in_every_locale(msg("{title}", title=panel.profile.tasks[name].title)),
        "version": None,
        "served": None,
        "promotable": False,
        "reasons": reasons,
        "figures": [],
    }


def _figure(metric: object) -> dict[str, float | None] | None:
    match metric:
        case {"value": value, "low": low, "high": high}:
            return {"value": value, "low": low, "high": high}
        case _:
            return None


def _where(error: FarolError) -> Message | None:
    text = error.where.as_dict()
    return msg("Where: {text}", text=_Placed(error)) if text else None


class _Placed:
    """Where an error is, as a value of a message."""

    def __init__(self, error: FarolError) -> None:
        self._error = error

    def in_locale(self, locale: str) -> str:
        """The place in `locale`."""
        return self._error.where.render(locale)


def training_is_installed() -> bool:
    """Whether the libraries that train are here; it loads none of them."""
    return all(find_spec(name) is not None for name in ("xgboost", "sklearn", "onnx", "onnxmltools"))


def _now() -> datetime:
    return datetime.now(UTC)
