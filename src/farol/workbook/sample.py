"""A synthetic PEDE workbook: what `farol demo` runs on, and what the tests read where the real one is absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from farol.errors import InputError
from farol.i18n import msg
from farol.workbook.sample_pupils import school_years
from farol.workbook.sample_sheets import sheet_2022, sheet_2023, sheet_2024
from farol.workbook.sample_xlsx import workbook_bytes

SMALLEST_SCALE = 0.05


def write_sample(path: Path, *, seed: int = 2024, scale: float = 1.0) -> Path:
    """Write the sample workbook to `path` (its folder is made) and return `path`.

    It has the real workbook's shape and every quirk of it: sheets PEDE2022, PEDE2023 and PEDE2024 of 860, 1,014 and
    1,156 pupils times `scale`, of which about 600 and 765 stay for the next year. The same arguments give the same
    bytes; nobody in it exists. Raises `InputError` for a `scale` below 0.05, at which the quirks no longer fit in.
    """
    if not scale >= SMALLEST_SCALE:
        raise InputError(
            msg("The sample workbook cannot be that small."),
            expected=msg("a scale of {smallest} or more", smallest=SMALLEST_SCALE),
            got=msg("a scale of {scale}", scale=scale),
        )
    pupils, quirks = (np.random.default_rng([seed, part]) for part in range(2))
    first, second, third = school_years(pupils, scale)
    content = workbook_bytes(
        [
            ("PEDE2022", sheet_2022(quirks, first)),
            ("PEDE2023", sheet_2023(quirks, first, second)),
            ("PEDE2024", sheet_2024(quirks, first, second, third, scale)),
        ]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
