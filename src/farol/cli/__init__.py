"""The command line. `main` chooses the language before anything that prints is imported."""

from __future__ import annotations

import gc
import gettext
import os
import sys
from pathlib import Path

from farol.errors import FarolError
from farol.i18n import msg, terminal_locale

EXIT_FAROL_ERROR = 2
EXIT_INTERRUPTED = 130


def speak(locale: str) -> None:
    """Make typer's and click's own words come from our catalogue; they ask gettext's global domain."""
    os.environ["LANGUAGE"] = locale
    gettext.bindtextdomain("farol", Path(__file__).parents[1] / "locale")
    gettext.textdomain("farol")


def main() -> None:
    """Run the `farol` command; an error of ours is printed in lines, without a traceback, with exit code 2."""
    locale = terminal_locale()
    speak(locale)
    # What is imported stays: to look for garbage in it meanwhile is a good part of the time it takes.
    gc.disable()
    # Imported only now: typer translates its panel titles, and we our help texts, at import.
    from farol.cli.commands import app

    gc.enable()

    try:
        app()
    except FarolError as error:
        head, *rest = error.lines(locale)
        print(msg("farol: error: {problem}", problem=head).render(locale), file=sys.stderr)
        for line in rest:
            print(f"  {line}", file=sys.stderr)
        raise SystemExit(EXIT_FAROL_ERROR) from None
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        # The reader of our output went away (`farol models list | head`): that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
