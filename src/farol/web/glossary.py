"""The words of the pages, explained to teachers: one page, to which every other can link by a word's anchor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from farol.profile import Profile, Text
from farol.web.locale import Reader

PATH = "/glossary"


@dataclass(frozen=True, slots=True)
class GlossaryEntry:
    """A word, its anchor on the page, and what it means."""

    anchor: str
    word: Markup
    meaning: Markup


def glossary_values(reader: Reader, profile: Profile) -> dict[str, object]:
    """What the template needs: the words in the order of the reader's alphabet."""
    entries = [*_entries(reader, profile.label.state), *_of_questions(reader, profile)]
    return {"entries": sorted(entries, key=lambda entry: str(entry.word).casefold())}


def _of_questions(reader: Reader, profile: Profile) -> Iterator[GlossaryEntry]:
    """The words that only some schools' questions need."""
    _, state = reader.gettext, profile.label.state.in_locale(reader.locale)
    if profile.label.minuend is not None:
        yield GlossaryEntry(
            "lag",
            _("Lag (defasagem)"),
            _("The pupil is in a lower phase than the one that fits their age. It says nothing about ability."),
        )
    if any(task.horizon for task in profile.tasks.values()):
        yield GlossaryEntry(
            "onset",
            _("New case"),
            _("A pupil who is not {state} today and may be next year. New cases are harder to foresee.", state=state),
        )
        yield GlossaryEntry(
            "recovery",
            _("Staying case"),
            _("A pupil who is {state} today and may still be so next year.", state=state),
        )


def _entries(reader: Reader, how: Text) -> list[GlossaryEntry]:
    _, state = reader.gettext, how.in_locale(reader.locale)
    return [
        GlossaryEntry(
            "probability",
            _("Probability"),
            _(
                "Of 100 pupils with a probability of 70%, about 70 were {state} in earlier years and about 30 "
                "were not. It is about pupils like this one; it is no verdict on this pupil.",
                state=state,
            ),
        ),
        GlossaryEntry(
            "band",
            _("Band"),
            _(
                "Pupils with similar probabilities, together. Beside a band stands what really happened to such "
                "pupils in "
                "earlier years: “7 of 10”."
            ),
        ),
        GlossaryEntry(
            "no-answer",
            _("Without an answer"),
            _(
                "Too little is known of the pupil for an answer that is worth more than a guess. Talk to the "
                "class teacher: "
                "no answer does not mean no risk."
            ),
        ),
        GlossaryEntry(
            "reason",
            _("Reason"),
            _(
                "What raised or lowered this pupil's probability, compared with usual values. A reason is not a cause: "
                "changing the grade alone need not change what happens."
            ),
        ),
        GlossaryEntry(
            "false-alarm",
            _("False alarm"),
            _(
                "A pupil who was pointed out and was not {state} in the end, or got help in time. Nobody knows "
                "which of the two.",
                state=state,
            ),
        ),
        GlossaryEntry(
            "missed",
            _("Missed"),
            _(
                "A pupil who was {state} in the end and was not pointed out. That is why the list never replaces "
                "knowing the class.",
                state=state,
            ),
        ),
        GlossaryEntry(
            "interval",
            _("Interval (from … to …)"),
            _(
                "With other pupils like these the figure would very probably lie between these two values. "
                "With few pupils the interval is wide."
            ),
        ),
        GlossaryEntry(
            "drift",
            _("Change in the data (drift)"),
            _(
                "The pupils, or the way the sheet is filled in, have changed since the model learned. That "
                "does not make the answers wrong, but nobody has checked them on such pupils."
            ),
        ),
        GlossaryEntry(
            "version",
            _("Version of the model"),
            _("Each training makes a new one. The one in use answers; the others wait, and one can go back to them."),
        ),
        GlossaryEntry(
            "training",
            _("Training"),
            _("Farol compares what was known of pupils of past years with what became of them, and keeps the pattern."),
        ),
        GlossaryEntry(
            "capacity",
            _("Capacity"),
            _("How many pupils the team can attend to. The list is cut there, so that it can be worked through."),
        ),
    ]
