"""The page of results: the card's promise and what came true, a year later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markupsafe import Markup

from farol.drift.verdicts import MIN_SAMPLES
from farol.errors import InputError, Place
from farol.evaluation.fairness import MEASURES as GROUP_MEASURES
from farol.evaluation.metrics import MEASURES, Estimate
from farol.i18n import msg
from farol.outcomes.card_comparison import WORDS, MetricComparison, Verdict
from farol.outcomes.estimate_vs_actual import MeasurePair
from farol.outcomes.estimation import ExpectedMeasure
from farol.outcomes.report import SHARES_FIRST, OutcomeReport, Part, outcome_report
from farol.profile import Profile
from farol.service import Service
from farol.store.outcomes import years_of
from farol.web.charts import Span, spans
from farol.web.filters import Choice
from farol.web.home import counted
from farol.web.locale import NOTHING, Reader

PATH = "/monitoring/results"

_STATUS: dict[Verdict, str] = {
    "within": "none",
    "better": "none",
    "worse": "moderate",
    "unknown": "insufficient_data",
}


@dataclass(frozen=True, slots=True)
class MetricView:
    """One metric as the page shows it."""

    name: str
    meaning: str
    promised: Markup | str
    came: Markup | str
    key: str
    word: str
    reason: str


@dataclass(frozen=True, slots=True)
class PartView:
    """Some of the pupils: their metrics and a chart of them."""

    anchor: str
    title: Markup | str
    words: Markup
    metrics: tuple[MetricView, ...]
    chart: Markup


@dataclass(frozen=True, slots=True)
class MeasurePairView:
    """One measure: expected before, and realised."""

    name: str
    expected: Markup | str
    came: Markup | str
    inside: Markup | str


@dataclass(frozen=True, slots=True)
class PlainAnswer:
    """A question that a school asks first: how many of ten, how many pupils, what was promised, and whether it held."""

    question: Markup
    figure: Markup
    words: Markup
    promised: Markup | None
    key: str
    word: str


@dataclass(frozen=True, slots=True)
class EstimateView:
    """The estimate made before the sheet: in words, as a table (empty where too little is known), its assumptions."""

    words: Markup
    figures: tuple[MeasurePairView, ...]
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BandView:
    """One row of the table of bands."""

    band: str
    n: str
    said: str
    expected: str
    came: str
    key: str
    word: str


@dataclass(frozen=True, slots=True)
class DivisionView:
    """The groups of a column; a row is the group's name, its numbers, its figures."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def outcomes_values(service: Service, reader: Reader, task: str | None, year: str | None) -> dict[str, object]:
    """What the template needs; InputError for a task or a year that has no outcomes."""
    tasks = service.tasks.specs
    known = {name: years_of(service.store, name) for name in tasks}
    known = {name: years for name, years in known.items() if years}
    if task is not None and task not in tasks:
        expected = msg("one of {names}", names=", ".join(tasks))
        raise InputError(
            msg("There is no such task."),
            expected=expected,
            where=Place(field="task"),
            fix=msg("Choose one of these names."),
        )
    # The question that looks ahead comes first, as on the other pages.
    order = sorted(known, key=lambda name: -tasks[name].horizon)
    chosen = task or next(iter(order), None)
    if chosen not in known:
        return {"report": None}
    profile = service.profile_of(chosen)
    wanted = {str(label): label for label in known[chosen]}
    when = known[chosen][-1] if year is None else wanted.get(year)
    report = None if when is None else outcome_report(service.store, service.registry, profile, chosen, when)
    if report is None:
        expected = msg("one of {names}", names=", ".join(map(str, known[chosen])))
        problem = msg("No forecast of this question has outcomes of that year.")
        raise InputError(problem, expected=expected, where=Place(field="year"), fix=msg("Choose one of these years."))
    return {
        "report": report,
        "tasks": [Choice(name, tasks[name].title.in_locale(reader.locale), name == chosen) for name in order],
        "years": [Choice(str(label), str(label), label == when) for label in reversed(known[chosen])],
        "path": PATH,
        **_report(report, profile, reader),
    }


def _report(report: OutcomeReport, profile: Profile, reader: Reader) -> dict[str, object]:
    _ = reader.gettext
    titles = {
        "onset": _("Pupils who were not at risk when the forecast was made"),
        "recovery": _("Pupils who were at risk when the forecast was made"),
        "onset_below_top": _("Pupils who were not at risk, and whose level still lets them fall into it"),
    }
    key, words = _overall(report, reader)
    state = profile.label.state.in_locale(reader.locale)
    versions = [part_view(part, _("Version {version}", version=part.name), reader) for part in report.versions]
    return {
        "key": key,
        "verdict": words,
        "answers": tuple(_answers(report, state, reader)),
        "facts": tuple(_facts(report, reader)),
        "worse": _worse(report, reader),
        "parts": [
            part_view(report.together, _("All pupils who can be measured"), reader),
            *(part_view(part, titles[part.name], reader) for part in report.groups),
            *versions,
        ],
        "before": estimate_view(report, reader),
        "bands": tuple(_bands(report, reader)),
        "divisions": tuple(_divisions(report, profile, reader)),
        "leavers": _leavers(report, reader),
        "notes": [note.render(reader.locale) for note in report.notes if note != SHARES_FIRST],
        "of_figures": SHARES_FIRST.render(reader.locale),
        "promised_key": Markup('<span class="key mark"></span>'),
        "came_key": Markup('<span class="key"></span>'),
    }


def _overall(report: OutcomeReport, reader: Reader) -> tuple[str, Markup]:
    """One sentence on all pupils together."""
    _ = reader.gettext
    verdicts = {comparison.verdict for comparison in report.together.comparisons}
    if "worse" in verdicts:
        return "moderate", _("The answers were worse than promised, by more than chance explains.")
    if verdicts & {"within", "better"}:
        return "none", _("What came true is compatible with what was promised.")
    return "insufficient_data", _("There is not enough yet to say whether the promise was kept.")


def _worse(report: OutcomeReport, reader: Reader) -> str:
    """The figures that are worse than the card's, by their names."""
    worse = (comparison for comparison in report.together.comparisons if comparison.verdict == "worse")
    return reader.listing(MEASURES[comparison.metric].title.render(reader.locale) for comparison in worse)


def _answers(report: OutcomeReport, state: str, reader: Reader) -> Iterator[PlainAnswer]:
    """Of those we pointed out, how many were; of those who were, how many we had pointed out; and of the new ones."""
    _ = reader.gettext
    yield from _plain(
        report.together,
        "precision",
        _("Of those we pointed out, how many were {state}?", state=state),
        lambda hits, all_: _(
            "Pointed out: {all} pupils. Of them, {state} in {year}: {hits}.",
            all=all_,
            hits=hits,
            state=state,
            year=report.year,
        ),
        reader,
    )
    caught = _("Of those who were {state}, how many had we pointed out?", state=state)
    fresh = _("And of the new ones, who were not {state} before?", state=state)
    onset = (part for part in report.groups if part.name == "onset")
    for part, question in ((report.together, caught), *((part, fresh) for part in onset)):
        yield from _plain(
            part,
            "recall",
            question,
            lambda hits, all_: _(
                "Pupils {state} in {year}: {all}. Of them, pointed out before: {hits}.",
                all=all_,
                hits=hits,
                state=state,
                year=report.year,
            ),
            reader,
        )


def _plain(
    part: Part, metric: str, question: Markup, words: Callable[[str, str], Markup], reader: Reader
) -> Iterator[PlainAnswer]:
    """One of these answers; none where nobody was pointed out, or nobody was in that state."""
    _, confusion = reader.gettext, part.evaluation.confusion
    hits = confusion["true_positive"]
    all_ = hits + confusion["false_positive" if metric == "precision" else "false_negative"]
    if not all_:
        return
    comparison = next(comparison for comparison in part.comparisons if comparison.metric == metric)
    promised = comparison.promised
    yield PlainAnswer(
        question,
        _("{count} of {all}", **counted(hits / all_)),
        words(reader.number(hits, 0), reader.number(all_, 0)),
        None if promised is None else _("Promised: {count} of {all}.", **counted(promised.value)),
        _STATUS[comparison.verdict],
        WORDS[comparison.verdict].render(reader.locale),
    )


def _facts(report: OutcomeReport, reader: Reader) -> Iterator[tuple[Markup, str]]:
    _ = reader.gettext
    counts = report.counts
    yield _("Pupils forecast"), reader.number(counts.forecast, 0)
    yield _("Found again in the sheet of {year}", year=report.year), reader.number(counts.matched, 0)
    yield _("Left"), reader.number(counts.left, 0)
    yield _("New in the sheet"), reader.number(counts.new, 0)
    yield _("Without an answer in the sheet"), reader.number(counts.without_label, 0)
    yield _("Without an answer from the model"), reader.number(counts.unanswered, 0)
    yield _("Measured"), reader.number(counts.measured, 0)
    yield _("Model version"), report.version or NOTHING


def part_view(part: Part, title: Markup | str, reader: Reader) -> PartView:
    """Some of the pupils, for this page and for reports."""
    _ = reader.gettext
    before, came = part.prevalence
    share = {"came": _share(came, reader), "n": reader.number(part.evaluation.n, 0)}
    words = (
        _("Pupils: {n}; at risk now: {came}.", **share)
        if before is None
        else _(
            "Pupils: {n}; at risk now: {came}; at risk where the card was measured: {before}.",
            **share,
            before=_share(before, reader),
        )
    )
    drawn = [_span(comparison, reader) for comparison in part.comparisons]
    metrics = tuple(_metric(comparison, reader) for comparison in part.comparisons)
    return PartView(f"part-{part.name}", title, words, metrics, spans(drawn, reader.locale))


def _metric(comparison: MetricComparison, reader: Reader) -> MetricView:
    measure = MEASURES[comparison.metric]
    meaning = measure.meaning.render(reader.locale)
    if not measure.greater_is_better:
        meaning = reader.gettext("{meaning}; the lower, the better", meaning=meaning)
    return MetricView(
        name=measure.title.render(reader.locale),
        meaning=meaning,
        promised=_figure(comparison.promised, reader),
        came=_figure(comparison.realised, reader),
        key=_STATUS[comparison.verdict],
        word=WORDS[comparison.verdict].render(reader.locale),
        reason="" if comparison.reason is None else comparison.reason.render(reader.locale),
    )


def _span(comparison: MetricComparison, reader: Reader) -> Span:
    def ends(figure: Estimate | None) -> tuple[float, float, float] | None:
        return None if figure is None else (figure.low, figure.value, figure.high)

    title = MEASURES[comparison.metric].title.render(reader.locale)
    return Span(title, ends(comparison.promised), ends(comparison.realised))


def estimate_view(report: OutcomeReport, reader: Reader) -> EstimateView:
    """The estimate made before the sheet, for this page and for reports."""
    _, estimate = reader.gettext, report.expected_before
    if not estimate.is_enough:
        return EstimateView(_("With fewer than {n} pupils nothing is estimated.", n=MIN_SAMPLES), (), ())
    risk = estimate.at_risk
    words = _(
        "Before the sheet arrived, the probabilities of these pupils ({n}) gave this estimate: at "
        "risk, {expected}. At risk in the sheet: {came}. The table has the other figures, for the "
        "same pupils.",
        n=reader.number(estimate.n, 0),
        expected=_percents(risk.expected, reader),
        came=NOTHING if risk.realised is None else reader.percent(risk.realised.value),
    )
    figures = tuple(_pair(pair, reader) for pair in estimate.measures)
    return EstimateView(words, figures, tuple(text.render(reader.locale) for text in estimate.assumptions))


def _pair(pair: MeasurePair, reader: Reader) -> MeasurePairView:
    _, expected = reader.gettext, NOTHING
    if pair.expected.value is not None:
        ends = (pair.expected.value, pair.expected.low, pair.expected.high)
        value, low, high = (reader.number(end, 3) for end in ends)
        expected = Markup("{} <small>{}</small>").format(value, _("({low} to {high})", low=low, high=high))
    inside = {None: NOTHING, True: _("inside"), False: _("outside")}[pair.is_inside]
    return MeasurePairView(pair.title.render(reader.locale), expected, _figure(pair.realised, reader), inside)


def _percents(measure: ExpectedMeasure, reader: Reader) -> str:
    value, low, high = (reader.percent(end) for end in (measure.value, measure.low, measure.high))
    return reader.gettext("{value} ({low} to {high})", value=value, low=low, high=high)


def _bands(report: OutcomeReport, reader: Reader) -> Iterator[BandView]:
    _ = reader.gettext
    for band in report.bands:
        kept = {None: "insufficient_data", True: "none", False: "moderate"}[band.kept]
        word = {None: _("not enough to say"), True: _("no difference seen"), False: _("not as expected")}[band.kept]
        expected = NOTHING
        if band.expected is not None:
            low, high = (reader.percent(share) for share in (band.expected.low, band.expected.high))
            expected = _("{low} to {high}", low=low, high=high)
        yield BandView(
            band=_("{low} to {high}", low=reader.percent(band.low), high=reader.percent(band.high)),
            n=reader.number(band.n, 0),
            said=reader.percent(band.said),
            expected=expected,
            came=NOTHING if band.came is None else _share(band.came, reader),
            key=kept,
            word=word,
        )


def _divisions(report: OutcomeReport, profile: Profile, reader: Reader) -> Iterator[DivisionView]:
    _ = reader.gettext
    figures = tuple(title.render(reader.locale) for title in GROUP_MEASURES.values())
    for division in report.divisions:
        yield DivisionView(
            title=profile.columns[division.column].meaning.in_locale(reader.locale),
            headings=(_("Pupils"), _("At risk now"), _("Pointed out"), *figures),
            rows=tuple(
                (
                    profile.columns[division.column].word(group.name).in_locale(reader.locale),
                    *(reader.number(n, 0) for n in (group.n, group.positives, group.flagged)),
                    *(
                        NOTHING if figure is None else _share(figure, reader)
                        for figure in (group.figures[name] for name in GROUP_MEASURES)
                    ),
                )
                for group in division.groups
            ),
        )


def _leavers(report: OutcomeReport, reader: Reader) -> Markup | None:
    left, stayed = report.leavers.left, report.leavers.stayed
    if left is None or stayed is None:
        return None
    return reader.gettext(
        "The mean risk in the forecasts was {left} for pupils who left, and {stayed} for pupils who stayed.",
        left=_share(left, reader),
        stayed=_share(stayed, reader),
    )


def _figure(figure: Estimate | None, reader: Reader) -> Markup | str:
    """A value, and under it its interval."""
    if figure is None:
        return NOTHING
    value, low, high = (reader.number(end, 3) for end in (figure.value, figure.low, figure.high))
    return Markup("{} <small>{}</small>").format(value, reader.gettext("({low} to {high})", low=low, high=high))


def _share(figure: Estimate, reader: Reader) -> str:
    value, low, high = (reader.percent(end) for end in (figure.value, figure.low, figure.high))
    return reader.gettext("{value} ({low} to {high})", value=value, low=low, high=high)
