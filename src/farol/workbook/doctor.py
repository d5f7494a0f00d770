"""What is odd in a workbook, for a person to read: the findings of a panel as text or as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from babel.numbers import format_percent

from farol.i18n import Message, count, msg
from farol.profile import Severity
from farol.workbook.account import account_dict, account_lines
from farol.workbook.findings import Finding
from farol.workbook.panel import Panel

__all__ = ["Finding", "as_dict", "render_text"]

_GRAVITY: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}
_NOT_FOLLOWED = msg(
    "The profile has no column of pupils' codes: a pupil is a row here, and cannot be followed into another file."
)
_NAMES: dict[Severity, Message] = {"error": msg("ERROR"), "warning": msg("WARNING"), "info": msg("normal")}


@dataclass(frozen=True, slots=True)
class YearSummary:
    """One year of a panel: its rows, how many have a label, those at risk, those linked to the following year."""

    year: int
    pupils: int
    labelled: int
    at_risk: int
    linked: int

    @property
    def share(self) -> float | None:
        """The share at risk of those with a label; None when nobody has one."""
        return self.at_risk / self.labelled if self.labelled else None


def summaries(panel: Panel) -> list[YearSummary]:
    """A summary of each year, in their order."""
    return [_summary(panel, year) for year in panel.years]


def _summary(panel: Panel, year: int) -> YearSummary:
    here = panel.year == year
    return YearSummary(
        year=year,
        pupils=int(np.count_nonzero(here)),
        labelled=int(np.count_nonzero(~np.isnan(panel.label[here]))),
        at_risk=int(np.count_nonzero(panel.label[here] == 1)),
        linked=int(np.count_nonzero(~np.isnan(panel.next_label[here]))),
    )


def as_dict(panel: Panel, locale: str) -> dict[str, object]:
    """Everything as JSON: `findings` (worst first, by sheet), `account`, `years`, `fingerprint`, `counts`."""
    findings = _worst_first(panel.findings)
    return {
        "profile": panel.profile.name,
        "fingerprint": panel.fingerprint,
        "counts": {severity: sum(f.severity == severity for f in findings) for severity in _GRAVITY},
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "sheet": finding.sheet,
                "column": finding.column,
                "count": finding.count,
                "rows": list(finding.rows),
                "message": finding.message.render(locale),
                "action": finding.action.render(locale),
            }
            for finding in findings
        ],
        "account": account_dict(panel.accounts, panel.findings),
        "years": [
            {
                "year": summary.year,
                "pupils": summary.pupils,
                "labelled": summary.labelled,
                "at_risk": summary.at_risk,
                "at_risk_share": summary.share,
                "linked_to_next_year": summary.linked,
            }
            for summary in summaries(panel)
        ],
    }


def render_text(panel: Panel, locale: str, *, rows_shown: int = 5) -> str:
    """The findings as text for a terminal: sheet by sheet, the worst first, with the first rows of each; then the
    account of what was read, and a summary of what the panel holds."""
    lines: list[str] = []
    for sheet, findings in groupby(sorted(panel.findings, key=_sheet), key=_sheet):
        lines += [sheet, *_sheet_lines(findings, locale, rows_shown), ""]
    account = account_lines(panel.accounts, panel.findings, locale)
    return "\n".join([*lines, *account, "", *_summary_lines(panel, locale)])


def _sheet(finding: Finding) -> str:
    return finding.sheet


def _worst_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (_GRAVITY[f.severity], f.sheet, f.code, f.column or ""))


def _sheet_lines(findings: Iterable[Finding], locale: str, rows_shown: int) -> Iterator[str]:
    """The same finding in several columns is shown once, with its columns below."""

    def words_of(finding: Finding) -> str:
        words = f"{finding.message.render(locale)} {finding.action.render(locale)}"
        return f"  {_NAMES[finding.severity].render(locale)}: {words}"

    grouped: dict[str, list[Finding]] = {}
    for finding in _worst_first(findings):
        grouped.setdefault(words_of(finding), []).append(finding)
    for words, alike in grouped.items():
        yield words
        yield from _places(alike, locale, rows_shown)


def _places(findings: Sequence[Finding], locale: str, rows_shown: int) -> Iterator[str]:
    columns = [" ".join(finding.column.split()) for finding in findings if finding.column and not finding.rows]
    if columns:
        yield f"      {', '.join(columns)}"
    for finding in findings:
        if finding.rows:
            column = f"{' '.join(finding.column.split())}: " if finding.column else ""
            yield f"      {column}{_rows(finding, rows_shown).render(locale)}"


def _rows(finding: Finding, shown: int) -> Message:
    rows = ", ".join(map(str, finding.rows[:shown]))
    if finding.count == 1:
        return msg("1 row ({rows})", rows=rows)
    if len(finding.rows) > shown:
        return msg("{count} rows ({rows}, …)", count=count(finding.count), rows=rows)
    return msg("{count} rows ({rows})", count=count(finding.count), rows=rows)


def _summary_lines(panel: Panel, locale: str) -> Iterator[str]:
    profile = panel.profile
    for summary in summaries(panel):
        share = "—" if summary.share is None else format_percent(summary.share, "0.0%", locale=locale)
        figures = {"pupils": count(summary.pupils), "share": share, "linked": count(summary.linked)}
        year = profile.period_text(summary.year)
        if not year:
            line = msg("pupils: {pupils}; at risk: {share}", **figures)
        elif any(task.horizon for task in profile.tasks.values()):
            line = msg(
                "{year}: pupils: {pupils}; at risk: {share}; found in the next year too: {linked}",
                year=year,
                **figures,
            )
        else:
            line = msg("{year}: pupils: {pupils}; at risk: {share}", year=year, **figures)
        yield line.render(locale)
    if not profile.follows_pupils:
        yield _NOT_FOLLOWED.render(locale)
    counts = Counter(finding.severity for finding in panel.findings)
    total = msg(
        "Findings: errors: {errors}, to look at: {warnings}, normal for this data: {infos}.",
        errors=count(counts["error"]),
        warnings=count(counts["warning"]),
        infos=count(counts["info"]),
    )
    yield total.render(locale)
