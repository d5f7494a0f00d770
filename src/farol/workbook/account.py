"""Where everything of a sheet went: rows and columns counted so that they add up to what the file has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from farol.i18n import Message, count, msg
from farol.profile import Profile
from farol.workbook.findings import Finding
from farol.workbook.headers import Heading

LEFT_OUT: Mapping[str, Message] = {
    "blank_row": msg("blank"),
    "header_row_again": msg("headers again"),
    "second_header": msg("below the headers, to explain them"),
    "other_headers": msg("below other headers"),
    "summary_row": msg("totals and the like"),
    "note_row": msg("notes"),
    "unusable_code": msg("code not usable"),
    "missing_student": msg("no code"),
    "no_period": msg("no year or term"),
    "other_task": msg("of another question"),
}
"""The finding's code → why a row below the headers is not a pupil's, in the order in which people are told."""

NAMES_SHOWN = 8
"""A line lists no more names than this."""


@dataclass(frozen=True, slots=True)
class SheetAccount:
    """The rows and columns of a sheet by what became of them.

    `rows` counts up to the last row with a cell, even an empty one: `above` the headers, the headers, the `pupils`, and
    those `left_out` by the finding's code. Columns are read; known and not used; without values; or unknown, which
    counts columns without a header too.
    """

    sheet: str
    year: int
    rows: int
    above: int
    pupils: int
    left_out: Mapping[str, int]
    columns_read: int
    columns_unused: int
    columns_empty: int
    columns_unknown: int

    @property
    def columns(self) -> int:
        """All columns up to the last one with a cell."""
        return self.columns_read + self.columns_unused + self.columns_empty + self.columns_unknown

    @property
    def rows_lost(self) -> int:
        """The rows left out that are not blank."""
        return sum(n for code, n in self.left_out.items() if code != "blank_row")


def column_counts(
    headings: Sequence[Heading], chosen: Mapping[str, Heading], filled: Sequence[bool], profile: Profile
) -> dict[str, int]:
    """The counts of columns of a `SheetAccount`, by the names of its fields."""
    read = {heading.position for name, heading in chosen.items() if profile.columns[name].kind != "personal"}
    counts = dict.fromkeys(("columns_read", "columns_unused", "columns_empty", "columns_unknown"), 0)
    for heading in headings:
        if not filled[heading.position]:
            counts["columns_empty"] += 1
        elif heading.position in read:
            counts["columns_read"] += 1
        else:
            known = heading.meaning in ("column", "history")
            counts["columns_unused" if known else "columns_unknown"] += 1
    return counts


def account_dict(accounts: Sequence[SheetAccount], findings: Sequence[Finding]) -> dict[str, object]:
    """The account as JSON: `sheets` (`read` and `unread`, counted) and `tables`, one for each sheet that is read."""
    unread = [finding.sheet for finding in findings if finding.code == "unread_sheet"]
    tables = [asdict(account) | {"columns": account.columns} for account in accounts]
    return {"sheets": {"read": len(tables), "unread": len(unread)}, "tables": tables}


def account_lines(accounts: Sequence[SheetAccount], findings: Sequence[Finding], locale: str) -> list[str]:
    """The account in words: the sheets or files, then the rows and the columns of each one that is read."""
    unread = [finding.sheet for finding in findings if finding.code == "unread_sheet"]
    texts = [
        msg(
            "Sheets or files: {all}. Read: {read}. Not read: {unread}{names}.",
            all=count(len(accounts) + len(unread)),
            read=count(len(accounts)),
            unread=count(len(unread)),
            names=_in_brackets(unread),
        )
    ]
    for account in accounts:
        reasons = [
            f"{words.render(locale)} {count(account.left_out[code]).in_locale(locale)}"
            for code, words in LEFT_OUT.items()
            if code in account.left_out
        ]
        above = msg("above the headers {count}, ", count=count(account.above)) if account.above else ""
        texts.append(
            msg(
                "{sheet}: rows {rows}: {above}headers 1, pupils {pupils}, left out {count}{reasons}.",
                sheet=account.sheet,
                rows=count(account.rows),
                above=above,
                pupils=count(account.pupils),
                count=count(sum(account.left_out.values())),
                reasons=_in_brackets(reasons),
            )
        )
        texts.append(
            msg(
                "{sheet}: columns {columns}: read {read}, known and not used {unused}, empty {empty}, "
                "unknown {unknown}.",
                sheet=account.sheet,
                columns=count(account.columns),
                read=count(account.columns_read),
                unused=count(account.columns_unused),
                empty=count(account.columns_empty),
                unknown=count(account.columns_unknown),
            )
        )
    files, *tables = (text.render(locale) for text in texts)
    return [files, *(f"  {line}" for line in tables)]


def reading_lines(
    accounts: Sequence[SheetAccount],
    findings: Sequence[Finding],
    file: str,
    locale: str,
    *,
    year: int | None = None,
    only_losses: bool = False,
) -> list[str]:
    """The two lines about reading that a command prints which uses a workbook: what was lost, which sheet repeats
    another, and where it says more.

    `year` limits them to the sheet of a year; sheets and files that are not read, and sheets without pupils, are said
    of any. With `only_losses` there are no lines where nothing was lost and no sheet repeats another.
    """
    used = [account for account in accounts if year is None or account.year == year]
    sheets = {account.sheet for account in used}
    about = [finding for finding in findings if finding.code == "unread_sheet" or finding.sheet in sheets]
    # A sheet without pupils yet may be the one asked for, so it is named for any year.
    bare = [account.sheet for account in accounts if not account.pupils]
    lost = [text.render(locale) for text in _losses(used, about, bare)]
    copies = [finding.message.render(locale) for finding in about if finding.code == "repeated_sheet"]
    if only_losses and not lost and not copies:
        return []
    read = msg(
        "Read from {file}: {sheets}; pupils: {pupils}.",
        file=file,
        sheets=", ".join(account.sheet for account in used),
        pupils=count(sum(account.pupils for account in used)),
    )
    if lost:
        missed = msg("Not read: {lost}.", lost="; ".join(lost))
    else:
        missed = msg("No sheet, row with values or needed column is missing.")
    errors, warnings = (sum(finding.severity == grave for finding in about) for grave in ("error", "warning"))
    more = msg("Findings: errors: {errors}, to look at: {warnings}. `farol check {file}` says which and "
"where.",
               errors=count(errors), warnings=count(warnings), file=file)  # fmt: skip
    return [" ".join([read.render(locale), missed.render(locale), *copies]), more.render(locale)]


def _losses(accounts: Sequence[SheetAccount], findings: Sequence[Finding], bare: Sequence[str]) -> list[Message]:
    unread = [finding.sheet for finding in findings if finding.code == "unread_sheet" and finding.severity != "info"]
    columns = [
        f"{finding.column} ({finding.sheet})"
        for finding in findings
        if finding.code in ("missing_column", "empty_column") and finding.severity != "info"
    ]
    unknown = [_unknown_header(finding) for finding in findings if finding.code == "unknown_column"]
    rows = sum(account.rows_lost for account in accounts)
    losses = [
        (msg("sheets or files: {names}", names=_listed(unread)), unread),
        (msg("without any pupil: {names}", names=_listed(bare)), bare),
        (msg("rows with values: {count}", count=count(rows)), rows),
        (msg("needed columns without values: {names}", names=_listed(columns)), columns),
        (msg("unknown headers: {names}", names=_listed(unknown)), unknown),
    ]
    return [text for text, lost in losses if lost]


def _unknown_header(finding: Finding) -> str:
    likely = finding.message.values.get("likely")
    return f"{finding.column} ({finding.sheet})" + (f" = {likely}?" if likely else "")


def _listed(names: Sequence[str]) -> str:
    return ", ".join([*names[:NAMES_SHOWN], *(["…"] if len(names) > NAMES_SHOWN else [])])


def _in_brackets(names: Sequence[str]) -> str:
    return f" ({_listed(names)})" if names else ""
