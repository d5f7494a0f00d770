"""The installed command, and the environment of a user who has set nothing of Farol's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

FAROL = Path(sys.executable).with_name("farol")


def environment_with(**given: str) -> dict[str, str]:
    """The environment of this process without the developer's settings, and the given variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FAROL_")} | given
