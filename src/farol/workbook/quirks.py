"""The kinds of findings: how grave each is, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from farol.i18n import Message, msg
from farol.profile import Severity


@dataclass(frozen=True, slots=True)
class Quirk:
    """A kind of finding: its gravity and its words."""

    severity: Severity
    message: Message
    action: Message


QUIRKS: Mapping[str, Quirk] = {
    "near_year": Quirk(
        "warning",
        msg("The name is nearly {expected}."),
        msg("It is read as the sheet of {year}."),
    ),
    "year_in_name": Quirk(
        "warning",
        msg("The year {given} was given, and the name says {year}."),
        msg("It is read as the sheet of {year}. If that is wrong, rename it."),
    ),
    "hidden_sheet": Quirk(
        "warning", msg("The sheet is hidden in the spreadsheet."), msg("It is read like the others.")
    ),
    "hidden_rows": Quirk(
        "warning",
        msg("Rows are hidden in the spreadsheet, by hand or by a filter."),
        msg("They are read like the others."),
    ),
    "hidden_column": Quirk("info", msg("The column is hidden in the spreadsheet."), msg("It is read like the others.")),
    "unread_no_year": Quirk("info", msg("The name has no year in the form of the profile."), msg("It is not read.")),
    "unread_other_file": Quirk(
        "info", msg("It is what formulas keep of a sheet of another file."), msg("It is not read.")
    ),
    "unread_other_name": Quirk("info", msg("The name is not {expected}."), msg("It is not read.")),
    "unread_several_years": Quirk("warning", msg("The name has several years."), msg("It is not read.")),
    "unread_year_twice": Quirk(
        "warning", msg("Another one is of the year {year} too: {other}."), msg("Only {other} is read.")
    ),
    "unread_no_code": Quirk(
        "warning",
        msg("Of the name only the year fits, and there is no column of pupils' codes."),
        msg("It is not read."),
    ),
    "unread_blank": Quirk("warning", msg("Nothing is written in it."), msg("It is not read.")),
    "unread_part": Quirk("error", msg("The file names this sheet, but does not hold it."), msg("It is not read.")),
    "unread_kind": Quirk(
        "warning", msg("Of a folder, only workbooks, csv and parquet files are read."), msg("It is not read.")
    ),
    "error_cell": Quirk(
        "warning", msg("Formulas in these cells show an error ({kinds})."), msg("They are read as empty, not as zero.")
    ),
    "uncalculated": Quirk(
        "error",
        msg("Cells have a formula that was never calculated, and so no value."),
        msg("They are read as empty. Open the workbook in a spreadsheet program and save it again."),
    ),
    "nested_value": Quirk(
        "error",
        msg("Cells hold a list or a record, not a value."),
        msg("They are read as empty. Write the file with one value in each cell."),
    ),
    "word_for_nothing": Quirk(
        "info",
        msg("Cells have a sign or a word for no value, such as -, n/a or absent."),
        msg("They are read as empty, not as zero."),
    ),
    "empty_text": Quirk(
        "info", msg("Cells look empty, but hold a text without characters."), msg("They are read as empty.")
    ),
    "age_as_date": Quirk(
        "info",
        msg("Numbers were formatted as dates in January 1900 or 1904."),
        msg("The number behind the date is used."),
    ),
    "percentage": Quirk(
        "warning",
        msg("Numbers are percentages."),
        msg("They are read as shares of {highest}, the highest value of the column."),
    ),
    "percent_format": Quirk(
        "warning",
        msg("Numbers are shown as percentages, and some are above 100%."),
        msg("The numbers behind them are used."),
    ),
    "like_shares": Quirk(
        "warning",
        msg(
            "No value is above 1, though the column goes up to {highest}: these may be percentages, or "
            "values of another scale."
        ),
        msg("They are read as they are. Check that they are right."),
    ),
    "swapped_date": Quirk(
        "warning",
        msg(
            "In date cells, day and month are swapped: no date cell has a day above 12, and every date written as text "
            "has one."
        ),
        msg("They are swapped back."),
    ),
    "day_number": Quirk(
        "warning",
        msg("Dates are numbers of days, as a spreadsheet counts them from 1900."),
        msg("They are read as dates. See whether they are right: a workbook that counts from 1904 has other numbers."),
    ),
    "text_date": Quirk(
        "info",
        msg("Dates are written as text."),
        msg("They are read as the dates of the column show: {order}."),
    ),
    "undecided_date": Quirk(
        "warning",
        msg("Dates can be read as day/month or as month/day, and the other dates of the column do not show which."),
        msg("Only their year is read. Write the dates with the year first (2015-06-17), or as date cells."),
    ),
    "class_as_phase": Quirk(
        "info", msg("Cells hold the class instead of the phase."), msg("The phase is taken from the class.")
    ),
    "not_assessed": Quirk(
        "info", msg("Cells hold a word instead of a value that is not known yet."), msg("They are read as empty.")
    ),
    "recoded": Quirk("info", msg("A rule of the profile applies to these cells."), msg("The rule's value is used.")),
    "rounded_to_range": Quirk(
        "info", msg("Values are outside the range only by rounding."), msg("They are set to the limit of the range.")
    ),
    "out_of_range": Quirk("warning", msg("Values are outside the range."), msg("They are read as empty.")),
    "not_whole": Quirk("warning", msg("Values are not whole numbers."), msg("They are read as empty.")),
    "unusual_value": Quirk(
        "warning",
        msg("Values are inside the range, but unusual."),
        msg("They are kept."),
    ),
    "zero_not_answered": Quirk("info", msg("A zero means that there was no answer."), msg("It is read as empty.")),
    "mostly_missing": Quirk(
        "info", msg("More than half of the pupils have no value here."), msg("The pupils are kept, without this value.")
    ),
    "number_as_text": Quirk("info", msg("Numbers are stored as text."), msg("They are read as numbers.")),
    "decimal_comma": Quirk(
        "info", msg("Numbers are stored as text with a decimal comma."), msg("They are read as numbers.")
    ),
    "mended_text": Quirk("info", msg("Texts are mended by a rule of the profile."), msg("They are read as numbers.")),
    "unreadable_text": Quirk(
        "warning", msg("Cells hold something that is not a value of this column."), msg("They are read as empty.")
    ),
    "missing_student": Quirk(
        "error", msg("Rows have values, but no code for the pupil."), msg("The rows are left out.")
    ),
    "unusable_code": Quirk(
        "error",
        msg("The pupil's code is longer than 64 characters, or has characters that cannot be shown."),
        msg("The rows are left out."),
    ),
    "inexact_code": Quirk(
        "error",
        msg(
            "Pupils' codes are long numbers, and the file may not have kept their last digits: the codes of two pupils "
            "may have become one."
        ),
        msg("They are read as they stand. Write codes as text, before the digits are lost."),
    ),
    "code_as_date": Quirk(
        "error",
        msg("Pupils' codes are dates: a spreadsheet has probably made a date of a code such as 1-2."),
        msg("The date is read as the code. Write codes as text."),
    ),
    "footnote": Quirk(
        "warning",
        msg("Cells of these rows have raised or lowered characters, as a footnote's number is."),
        msg("The value is read without them."),
    ),
    "folded_code": Quirk(
        "info",
        msg(
            "Pupils' codes have small letters, stray spaces, quotation marks, other hyphens, invisible characters or "
            "leading zeros."
        ),
        msg("The codes are brought to one form, so that the pupil is found in every year."),
    ),
    "summary_row": Quirk(
        "warning",
        msg("Rows have a word such as total, average or source in the place of a pupil's code."),
        msg("They are left out."),
    ),
    "note_row": Quirk(
        "warning",
        msg("Rows have a text unlike the codes in the place of a pupil's code, and nothing else."),
        msg("They are left out."),
    ),
    "header_row_again": Quirk("warning", msg("Rows repeat the headers."), msg("They are left out.")),
    "second_header": Quirk(
        "warning",
        msg("Rows right below the headers explain them, and hold no pupil's value."),
        msg("They are left out."),
    ),
    "headers_reordered": Quirk(
        "error",
        msg("The headers stand here again in another order: from this row on the columns are exchanged."),
        msg("The rows below are read under these headers. See whether they are right."),
    ),
    "other_headers": Quirk(
        "error",
        msg("The rows stand below other headers, further down in the sheet."),
        msg("They are left out. Move the table to a sheet or file of its own."),
    ),
    "unlike_code": Quirk(
        "warning",
        msg("The code is not written like the others of the sheet."),
        msg("The rows are read as pupils. See whether they are."),
    ),
    "stray_quote": Quirk(
        "warning",
        msg("A quotation mark has no partner in its row and would swallow the rows below."),
        msg("It is left out. Every line is read as a row."),
    ),
    "other_encoding": Quirk(
        "warning",
        msg("The file is in UTF-8, but these rows have characters of another encoding."),
        msg("Those characters are read as Windows-1252. See whether the texts are right."),
    ),
    "console_encoding": Quirk(
        "info",
        msg("The file has the encoding of the Windows console (cp850), by which its headers are known."),
        msg("It is read so. See whether names of classes and other texts are right."),
    ),
    "short_row": Quirk(
        "warning",
        msg("Rows have fewer cells than there are headers."),
        msg("The cells missing at the end are read as empty. See whether the others are under the right headers."),
    ),
    "long_row": Quirk(
        "warning",
        msg("Rows have one separator more than the others."),
        msg("See whether their values are under the right headers: a separator inside a value moves all that follow."),
    ),
    "merged_cells": Quirk(
        "warning",
        msg("These cells are merged with others, and only the first one of them holds the value."),
        msg("They are read with that value."),
    ),
    "blank_row": Quirk("info", msg("Rows are blank."), msg("They are left out.")),
    "no_period": Quirk(
        "error",
        msg("{own} has no year or term that the profile knows."),
        msg("The rows are left out. Correct the cells, or add the text to [periods] of the profile."),
    ),
    "no_label": Quirk(
        "warning",
        msg("Rows do not say whether the pupil is at risk."),
        msg("They can be listed and forecast. Training and outcomes leave them out."),
    ),
    "other_form": Quirk(
        "info",
        msg("Words of the result are those of the profile ({words}) in another gender or number."),
        msg("They count as the same words."),
    ),
    "like_label_word": Quirk(
        "warning",
        msg("Words of the result are like those of the profile ({words}), but others."),
        msg(
            "They do not count as those. If they mean the same, add them to the label's `value`, or join them by "
            "`recode`."
        ),
    ),
    "open_result": Quirk(
        "warning",
        msg("Words say that the result is not known yet."),
        msg(
            "They count as a result like any other word. Leave such pupils out of training by `only` in the profile, "
            "or name the words of the results in `categories`."
        ),
    ),
    "filled_label": Quirk(
        "info", msg("{own} is empty in these rows."), msg("It is filled with {minuend} minus {subtrahend}.")
    ),
    "other_task": Quirk("info", msg("Rows of the log belong to another task."), msg("They are left out.")),
    "lag_contradiction": Quirk(
        "warning",
        msg("In these rows {own} is not {minuend} minus {subtrahend}."),
        msg("{own} is kept as written."),
    ),
    "duplicate_header": Quirk(
        "info",
        msg("Several headers mean the same column: {headers}."),
        msg("Column {chosen} is read, the others are not."),
    ),
    "conflicting_header": Quirk(
        "warning",
        msg("Several columns mean the same, but their values differ: {headers}."),
        msg("Column {chosen} is read, the others are not."),
    ),
    "repeated_header": Quirk("info", msg("The header appears in several columns."), msg("None of them is read.")),
    "unnamed_column": Quirk("warning", msg("The column has values and no header."), msg("It is not read.")),
    "empty_column": Quirk(
        "info", msg("The column has a header and no values."), msg("There is nothing to read in it.")
    ),
    "missing_column": Quirk(
        "info", msg("The sheet does not have this column."), msg("Its values are empty for this year.")
    ),
    "unknown_column": Quirk("warning", msg("The profile does not know this header."), msg("The column is not read.")),
    "likely_column": Quirk(
        "warning",
        msg("The profile does not know this header. Perhaps it is {likely}, which the sheet does not have."),
        msg("The column is not read. Rename its header to {likely}, or add the header to the profile's aliases."),
    ),
    "near_header": Quirk(
        "info",
        msg("The header differs from {expected} only in signs and spaces, or a range of values."),
        msg("It is read as {expected}."),
    ),
    "unused_column": Quirk("info", msg("The column is known and not used."), msg("It is not read.")),
    "personal_column": Quirk(
        "info", msg("The column says who the pupil is."), msg("It is left out and goes into no model.")
    ),
    "above_headers": Quirk("info", msg("Rows stand above the headers."), msg("They are not read.")),
    "history_column": Quirk("info", msg("The column is of another year."), msg("It is not used as this year's value.")),
    "filled_from_date": Quirk(
        "info", msg("{own} is empty in these rows."), msg("It is filled with the year of the date.")
    ),
    "changed_between_years": Quirk(
        "warning",
        msg("{own} differs from {earlier} for the same pupils."),
        msg("Each year keeps what its own sheet says."),
    ),
    "jump_between_years": Quirk(
        "warning",
        msg("{own} changed by more than {step} since {earlier} for the same pupils."),
        msg("Each year keeps what its own sheet says."),
    ),
    "renamed_column": Quirk(
        "info", msg("In {earlier} the header was different ({before})."), msg("Both are read as one column.")
    ),
    "respelled": Quirk(
        "info",
        msg(
            "Words differ from the usual words of the column only in capital letters, accents, spaces or characters "
            "that nobody sees."
        ),
        msg("They are read as the same."),
    ),
    "respelled_between_years": Quirk(
        "info",
        msg("Values of {own} that are written differently than in {earlier}: {count}."),
        msg("Both spellings are read as the same value. See whether they still mean the same."),
    ),
    "unlinked": Quirk(
        "info",
        msg("Pupils are not in the next year's sheet ({later})."),
        msg("Their next year is not known: these rows do not help to learn the forecast."),
    ),
    "year_gap": Quirk(
        "warning",
        msg("There is no sheet of {missing} between this one and {earlier}."),
        msg(
            "No pupil can be followed over the gap. See whether a sheet is missing, and whether the year in this "
            "sheet's name is right."
        ),
    ),
    "few_linked": Quirk(
        "warning",
        msg(
            "Only {linked} of {pupils} pupils are also in {later}. From one year to the next it is usually more than "
            "half. Most codes here look like {here}, and like {there} in {later}."
        ),
        msg(
            "The others are read as pupils who left. See whether both sheets write the pupil's code the same way, and "
            "whether one of them belongs to another group of pupils."
        ),
    ),
    "copied_row": Quirk(
        "warning",
        msg("Rows say the same as an earlier row in every column."),
        msg(
            "Each is read as a pupil of its own. If they are copies, delete them: they make groups look larger. The "
            "test of a model keeps rows that are alike together, so that it does not look better than it is."
        ),
    ),
    "repeated_sheet": Quirk(
        "error",
        msg(
            "{later} seems to be a copy of {earlier}: of the pupils that are in both ({pupils}), {same} have the same "
            "value in every column that should change."
        ),
        msg(
            "It is read as it is. Put the values of its own period there, or delete the copy; until then forecasts are "
            "not compared with it, and training should not learn from it."
        ),
    ),
}
