"""The command line. `main` chooses the language before anything that prints is imported."""

from __future__ import annotations

import gc
import gettext
import os
import sys
from pathlib import Path
from shutil import get_terminal_size

from farol.cli.streams import lasting_streams
from farol.errors import NOWHERE, FarolError, InputError, Place, reason_of
from farol.i18n import msg, terminal_locale

EXIT_FAROL_ERROR = 2
EXIT_INTERRUPTED = 130
NARROWEST_HELP = 72
WIDEST_HELP = 100


def speak(locale: str) -> None:
    """Make typer's and click's own words come from our catalogue; they ask gettext's global domain."""
    os.environ["LANGUAGE"] = locale
    gettext.bindtextdomain("farol", Path(__file__).parents[1] / "locale")
    gettext.textdomain("farol")


def main() -> None:
    """Run the `farol` command; an error of ours is printed in lines, without a traceback, with exit code 2."""
    locale = terminal_locale()
    speak(locale)
    # The width of help: a terminal's, within bounds in which nothing is cut and lines can be read.
    os.environ["TERMINAL_WIDTH"] = str(min(max(get_terminal_size().columns, NARROWEST_HELP), WIDEST_HELP))
    with lasting_streams() as output:
        code = _run(locale)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        failure = None if output is None else output.failure
        if failure is not None:
            _print_error(
                InputError(
                    msg("Not everything could be printed: {reason}.", reason=reason_of(failure)),
                    fix=msg("The command did its work; only its words are missing."),
                ),
                locale,
            )
            code = code or EXIT_FAROL_ERROR
    raise SystemExit(code) from None


def _run(locale: str) -> int:
    # What is imported stays: to look for garbage in it meanwhile is a good part of the time it takes.
    gc.disable()
    # Imported only now: typer translates its panel titles, and we our help texts, at import.
    from farol.cli.commands import app

    gc.enable()

    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except FarolError as error:
        _print_error(error, locale)
        return EXIT_FAROL_ERROR
    except OSError as error:  # of a disk or a network, where nobody below has better words for it
        place = NOWHERE if error.filename is None else Place(file=os.fsdecode(error.filename))
        _print_error(
            InputError(
                msg("The system refused: {reason}.", reason=reason_of(error)),
                where=place,
                fix=msg("Solve this, then run the command again."),
            ),
            locale,
        )
        return EXIT_FAROL_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def _print_error(error: FarolError, locale: str) -> None:
    head, *rest = error.lines(locale)
    print(msg("farol: error: {problem}", problem=head).render(locale), file=sys.stderr)
    for line in rest:
        print(f"  {line}", file=sys.stderr)
