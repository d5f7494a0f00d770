"""`farol drift --multivariate`: pairs of features."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.table import Table

from farol.cli.check import Format
from farol.cli.terminal import OUT, _, cell, print_table, say, say_json
from farol.drift.report import of_years
from farol.i18n import count, msg, terminal_locale

if TYPE_CHECKING:
    from farol.drift.pairwise import PairDrift, PairwiseReport
    from farol.model.bundle import Bundle
    from farol.settings import Settings
    from farol.workbook.panel import Panel

SHOWN = 10
"""Pairs shown one by one, besides those in alarm."""


def show_pairwise(
    settings: Settings, bundle: Bundle, window: str, part: str, panel: Panel | None, output: Format
) -> None:
    """Compare pairs of features over a window of the store or, with a panel, over a workbook's last year."""
    from farol.api.answers.pairwise import PairwiseAnswer
    from farol.drift.baseline import parse_slice
    from farol.drift.pairwise import pairwise_of_panel, pairwise_report
    from farol.drift.windows import window_of
    from farol.store.database import Store

    if panel is not None:
        report = pairwise_of_panel(bundle, panel)
    else:
        wanted = parse_slice(bundle, part)
        with Store.open(settings.store_url, existing=True) as store:
            chosen = window_of(window, store=store, task=bundle.task, now=datetime.now(UTC))
            report = pairwise_report(store, bundle, chosen, part=wanted)
    if output is Format.json:
        say_json(PairwiseAnswer.of(report, terminal_locale()).model_dump_json(by_alias=True, indent=2))
    else:
        print_pairwise(report)


def print_pairwise(report: PairwiseReport) -> None:
    """The changes in words, the most changed pairs as a table, then the rows that were compared."""
    from farol.advice.phrases import days
    from farol.drift.baseline import slice_words
    from farol.drift.verdicts import MIN_SAMPLES, verdict_label

    for pair in report.alarms:
        OUT.print(pair.words(terminal_locale()), markup=False)
    shown = report.most_changed()[: max(SHOWN, len(report.alarms))]
    if shown:
        print_table(_table(shown))
    say(
        msg(
            "Pairs of features compared: {compared} of {pairs}.",
            compared=count(report.compared),
            pairs=count(len(report.pairs)),
        )
    )
    if report.compared < len(report.pairs):
        say(
            msg(
                "Each of the others has fewer than {enough} pupils with both values, too few in training, or equal "
                "values.",
                enough=MIN_SAMPLES,
            )
        )
    say(
        msg(
            "Period: {window}. Pupils: {slice}, {n}. Answers read: {read} of {answers}.",
            window=days(report.window),
            slice=slice_words(report.part),
            n=count(report.n),
            read=count(report.read),
            answers=count(report.answers),
        )
    )
    say(
        msg(
            "Compared with: {rows} ({training})",
            rows=report.baseline,
            training=of_years(report.reference_n, report.reference_names),
        )
    )
    say(
        msg(
            "Without drift, at most {share} of these checks raise an alarm. Checks of single features "
            "are counted apart.",
            share=f"{report.alpha:.0%}",
        )
    )
    say(msg("Verdict on pairs of features: {verdict}", verdict=verdict_label(report.verdict, terminal_locale())))


def _table(pairs: tuple[PairDrift, ...]) -> Table:
    from farol.advice.phrases import span
    from farol.drift.verdicts import verdict_label
    from farol.i18n import decimal

    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for heading in (_("features"), _("in training"), _("now"), _("pupils"), _("verdict"), _("alarm")):
        table.add_column(heading)
    for pair in pairs:
        then, now = pair.reference or 0.0, pair.value or 0.0
        first, second = (meaning.in_locale(terminal_locale()) for meaning in pair.meanings)
        low, high = -1.0 if pair.low is None else pair.low, 1.0 if pair.high is None else pair.high
        table.add_row(
            f"{first} × {second}",
            decimal(then).render(terminal_locale()),
            span(now, low, high).render(terminal_locale()),
            cell(pair.n),
            verdict_label(pair.verdict, terminal_locale()),
            _("yes") if pair.alarm else _("no"),
        )
    return table
