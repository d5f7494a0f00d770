"""A school's data, described and not coded: frozen values read from a profile TOML.

Everything Farol knows about a programme's workbook (headers, kinds of column, ranges, recodings, the label rule,
the age table, the tasks) stands in a profile. The built-in one is `profile/builtin/pede.toml`; its comments are the
reference of the format.
"""

from farol.profile.folding import fold, is_invisible, stem, visible
from farol.profile.parsing import load_profile, parse_profile
from farol.profile.values import (
    BY_ROWS,
    LEVEL,
    NO_PERIOD,
    AgeRule,
    Column,
    Condition,
    DatedRule,
    Derived,
    Kind,
    Label,
    Operator,
    Periods,
    Profile,
    Recode,
    Severity,
    Task,
    Text,
    ZeroIsMissing,
)

__all__ = [
    "BY_ROWS",
    "LEVEL",
    "NO_PERIOD",
    "AgeRule",
    "Column",
    "Condition",
    "DatedRule",
    "Derived",
    "Kind",
    "Label",
    "Operator",
    "Periods",
    "Profile",
    "Recode",
    "Severity",
    "Task",
    "Text",
    "ZeroIsMissing",
    "fold",
    "is_invisible",
    "load_profile",
    "parse_profile",
    "stem",
    "visible",
]
