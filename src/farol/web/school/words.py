"""Words of the pupils' pages: risks as people count them, kinds of lists, steps of a case."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from farol.i18n import Message, msg
from farol.profile import Profile
from farol.pupils.ranking import By, ExpectedCases
from farol.school.listing import NO_CASE, RISKS, UNANSWERED
from farol.web.locale import NOTHING, Reader

_STEPS: Mapping[str, Message] = {
    "flagged": msg("flagged"),
    "talk": msg("talk"),
    "plan": msg("plan"),
    "follow-up": msg("in follow-up"),
    "closed": msg("closed"),
    NO_CASE: msg("nothing recorded"),
}

_TEN = 10


def in_ten(low: float, high: float, reader: Reader) -> Markup:
    """A share between two others, as pupils of ten."""
    _ = reader.gettext
    least, most = round(_TEN * low), round(_TEN * high)
    if most == 0:
        return _("fewer than 1 in 10")
    if least == _TEN:
        return _("more than 9 in 10")
    if least == most:
        return _("{n} in 10", n=least)
    return _("{low} to {high} in 10", low=least, high=most)


def expected_words(expected: ExpectedCases, reader: Reader) -> Markup:
    """How many to expect, with the range that chance leaves."""
    return reader.gettext(
        "about {value} (most likely {low} to {high})",
        value=reader.number(expected.value, 0),
        low=reader.number(expected.low, 0),
        high=reader.number(expected.high, 0),
    )


def kind_words(by: By, profile: Profile, reader: Reader) -> Markup:
    """Of whom a list is made."""
    _, state = reader.gettext, profile.label.state.in_locale(reader.locale)
    if by is By.onset:
        return _("May become {state}", state=state)
    if by is By.recovery:
        return _("May remain {state}", state=state)
    return _("All pupils")


def band_words(band: int, reader: Reader) -> Markup:
    """A band of risk, or that there is no answer."""
    _ = reader.gettext
    if band == UNANSWERED:
        return _("No answer: too little is known")
    if band == 0:
        return _("{low} or more", low=reader.percent(RISKS[0]))
    if band == len(RISKS) - 1:
        return _("less than {high}", high=reader.percent(RISKS[-2]))
    return _("{low} to {high}", low=reader.percent(RISKS[band]), high=reader.percent(RISKS[band - 1]))


def step_words(step: str | None, reader: Reader) -> str:
    """A step of a case; of none, that nothing is recorded."""
    words = _STEPS.get(step or NO_CASE)
    return str(step) if words is None else words.render(reader.locale)


def level_words(level: float | None, profile: Profile, reader: Reader) -> str:
    """A level with the profile's word for it, as in "fase 3"."""
    if level is None:
        return NOTHING
    return f"{profile.level_name.in_locale(reader.locale)} {level:g}"
