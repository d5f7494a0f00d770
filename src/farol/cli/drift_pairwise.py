"""What `farol drift --multivariate` prints."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.table import Table

from farol.cli.check import Format
from farol.cli.terminal import LOCALE, OUT, _, say
from farol.i18n import msg

if TYPE_CHECKING:
    from farol.drift.pairwise import MultivariateReport, PairDrift
    from farol.model.bundle import Bundle
    from farol.settings import Settings
    from farol.workbook.panel import Panel

SHOWN = 10
"""Pairs told one by one, besides those in alarm."""


def show_multivariate(
    settings: Settings, bundle: Bundle, window: str, part: str, panel: Panel | None, output: Format
) -> None:
    """The check of a window of the store or, where there is one, of a workbook's last year."""
    from farol.drift.baseline import parse_slice
    from farol.drift.pairwise import multivariate_of_panel, multivariate_report
    from farol.drift.report import window_of
    from farol.store.database import Store

    if panel is not None:
        report = multivariate_of_panel(bundle, panel)
    else:
        wanted = parse_slice(bundle, part)
        with Store.open(settings.store_url) as store:
            chosen = window_of(window, store=store, task=bundle.task, now=datetime.now(UTC))
            report = multivariate_report(store, bundle, chosen, part=wanted)
    if output is Format.json:
        print(json.dumps(report.as_dict(LOCALE), ensure_ascii=False, indent=2))
    else:
        print_multivariate(report)


def print_multivariate(report: MultivariateReport) -> None:
    """What changed in words, the pairs that changed most as a table, then what was compared with what."""
    from farol.advice.phrases import days
    from farol.drift.baseline import slice_words
    from farol.drift.verdicts import MIN_SAMPLES, verdict_label

    for pair in report.alarms:
        say(pair.words())
    shown = report.most_changed()[: max(SHOWN, len(report.alarms))]
    if shown:
        OUT.print(_table(shown))
    say(
        msg(
            "{compared} of {pairs} pairs of features could be compared.",
            compared=report.compared,
            pairs=len(report.pairs),
        )
    )
    if report.compared < len(report.pairs):
        say(
            msg(
                "Of the others fewer than {enough} pupils have both, or training had too few, or all are alike.",
                enough=MIN_SAMPLES,
            )
        )
    say(
        msg(
            "Window: {window}, {slice}: {n} pupils from {read} of {answers} answers.",
            window=days(report.window),
            slice=slice_words(report.part),
            n=report.n,
            read=report.read,
            answers=report.answers,
        )
    )
    say(
        msg(
            "Compared with: {rows} ({n}, of {years})",
            rows=report.basis,
            n=report.reference_n,
            years=", ".join(map(str, report.reference_years)),
        )
    )
    say(
        msg(
            "Without drift at most {share} of such checks raise an alarm, apart from those of the features themselves.",
            share=f"{report.alpha:.0%}",
        )
    )
    say(msg("Features together: {verdict}", verdict=verdict_label(report.verdict, LOCALE)))


def _table(pairs: tuple[PairDrift, ...]) -> Table:
    from farol.advice.phrases import span
    from farol.drift.verdicts import verdict_label
    from farol.i18n import decimal

    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for heading in (_("features"), _("in training"), _("now"), "n", _("verdict"), _("alarm")):
        table.add_column(heading)
    for pair in pairs:
        then, now = pair.reference or 0.0, pair.value or 0.0
        low, high = -1.0 if pair.low is None else pair.low, 1.0 if pair.high is None else pair.high
        table.add_row(
            f"{pair.first} × {pair.second}",
            decimal(then).render(LOCALE),
            span(now, low, high).render(LOCALE),
            str(pair.n),
            verdict_label(pair.verdict, LOCALE),
            _("yes") if pair.alarm else _("no"),
        )
    return table
