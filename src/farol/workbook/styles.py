"""What an xlsx workbook's styles say about its numbers: which cell formats show percentages."""

from __future__ import annotations

import html
import re

_NUMBER_FORMAT = re.compile(r"<(?:\w+:)?numFmt\s([^<>]*)>")
_CELL_FORMATS = re.compile(r"<(?:\w+:)?cellXfs[\s>]")
_CELL_FORMATS_END = re.compile(r"</(?:\w+:)?cellXfs\s*>")
_CELL_FORMAT = re.compile(r"<(?:\w+:)?xf(?=[\s/>])([^<>]*)>")
_NUMBER = re.compile(r"\bnumFmtId\s*=\s*[\"']([0-9]{1,9})[\"']")
_CODE = re.compile(r"\bformatCode\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_LITERAL = re.compile(r"\"[^\"]*\"|\\.")
_PERCENT_BUILT_IN = ("9", "10")
"""`0%` and `0.00%` (ECMA-376, part 1, 18.8.30)."""


def percent_styles(styles: bytes) -> frozenset[int]:
    """The indices of the cell formats in an xlsx workbook's styles.xml that show a number as a percentage."""
    text = styles.decode("utf-8", "replace")
    percent = {*_PERCENT_BUILT_IN}
    for attributes in _NUMBER_FORMAT.findall(text):
        number, code = _NUMBER.search(attributes), _CODE.search(attributes)
        if number and code and "%" in _LITERAL.sub("", html.unescape(code[1] or code[2] or "")):
            percent.add(number[1])
    begin = _CELL_FORMATS.search(text)
    end = _CELL_FORMATS_END.search(text, begin.end()) if begin else None
    formats = _CELL_FORMAT.findall(text, begin.end(), end.start()) if begin and end else []
    numbers = [_NUMBER.search(attributes) for attributes in formats]
    return frozenset(at for at, number in enumerate(numbers) if number and number[1] in percent)
