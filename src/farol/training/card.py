"""The model card (Mitchell et al., 2019): one self-contained page, Portuguese first, then the same in English."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from farol.evaluation.metrics import COMPARED, MEASURES, Estimate, Evaluation, Undefined
from farol.files import name_own_style
from farol.i18n import LOCALES, Message, count, msg
from farol.profile import Profile
from farol.training.charts import Answers, Chart, charts
from farol.training.evaluation import Study
from farol.training.sections import Json

_ENVIRONMENT = Environment(
    loader=PackageLoader("farol.training"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

SHOWN = ("roc_auc", "average_precision", "brier", "ece", "precision_top", "precision", "recall")
"""The metrics by which the references are shown beside the model."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One metric as read: its value and interval, or a dash and the reason."""

    value: str
    interval: str
    reason: str


@dataclass(frozen=True, slots=True)
class MetricsRow:
    """One line of the table of metrics: whose answers, over how many rows, and a cell a metric."""

    title: str
    n: int
    positives: int
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Section:
    """The card in one language. `report` is the whole report, whose own texts stand under `key`."""

    locale: str
    report: Mapping[str, Any]
    lines: tuple[MetricsRow, ...]
    charts: tuple[Chart, ...]

    @property
    def lang(self) -> str:
        """The language, as HTML names it."""
        return self.locale.replace("_", "-")

    @property
    def key(self) -> str:
        """The key of the report's texts."""
        return self.locale[:2]

    def gettext(self, text: str, **values: object) -> str:
        """A text of the template, with its values."""
        return Message(text, values).render(self.locale)

    def percent(self, share: float, digits: int = 1) -> str:
        """A share with `digits` decimals of a percent, one by default."""
        return f"{_number(100 * share, digits, self.locale)}%"

    def count(self, n: int) -> str:
        """A number of pupils or rows."""
        return count(n).in_locale(self.locale)

    def number(self, value: float, digits: int = 1) -> str:
        """A number with `digits` after the decimal mark; a whole number has none."""
        return _number(value, 0 if float(value).is_integer() else digits, self.locale)

    def figure(self, figure: Mapping[str, float | None]) -> Cell:
        """A metric of the report, or a dash."""
        return self._cell(figure, lambda low, high: f"{self.three(low)} – {self.three(high)}", self.three)

    def three(self, value: float) -> str:
        """A number with three decimals."""
        return _number(value, 3, self.locale)

    def share(self, figure: Mapping[str, float | None]) -> Cell:
        """A share of the report as percents, or a dash."""
        return self._cell(
            figure,
            lambda low, high: f"{_number(100 * low, 0, self.locale)} – {self.percent(high, 0)}",
            lambda value: self.percent(value, 0),
        )

    def points(self, figure: Mapping[str, float | None]) -> Cell:
        """A difference of the report with its sign, in the metric's own unit, or a dash."""
        return self._cell(figure, lambda low, high: f"{self._signed(low)} … {self._signed(high)}", self._signed)

    def _cell(
        self,
        figure: Mapping[str, float | None],
        interval: Callable[[float, float], str],
        text: Callable[[float], str],
    ) -> Cell:
        value, low, high = figure["value"], figure["low"], figure["high"]
        if value is None or low is None or high is None:
            return Cell("–", "", "")
        return Cell(text(value), interval(low, high), "")

    def _signed(self, value: float) -> str:
        return _number(value, 3, self.locale, sign=True)

    def names(self, features: Iterable[str]) -> str:
        """What features mean, one after the other."""
        meanings = {feature["name"]: feature["meaning"][self.key] for feature in self.report["features"]}
        return ", ".join(meanings[name] for name in features)

    def known(self, group: Mapping[str, Any]) -> str:
        """What is known of the pupils of a group of the report's `support`."""
        known, others = group["known"], len(self.report["features"]) - len(self.report["hidden_features"])
        if known is None:
            words = msg("as much as usual")
        elif len(known) == 1:
            words = msg("{count} of {all} pieces of information", count=count(known[0]), all=others)
        else:
            words = msg("{low} to {high} of {all} pieces of information", low=known[0], high=known[-1], all=others)
        if group["without"]:
            return msg("{known}, without “{names}”", known=words, names=self.names(group["without"])).render(
                self.locale
            )
        return words.render(self.locale)

    def answered(self, group: Mapping[str, Any]) -> float:
        """The share of the pupils of a group of `support` who get an answer."""
        answered: int = sum(band["n"] for band in group["bands"] if band["answered"])
        return answered / int(group["n"])

    def title(self, name: str) -> str:
        """What a reader calls a set of pupils of the report."""
        known = {
            "all": msg("everybody"),
            "onset": msg("not at risk now (new cases)"),
            "recovery": msg("at risk now (who stays so)"),
        }
        if name in known:
            return known[name].render(self.locale)
        column, _, value = name.rpartition(" ")  # a level, such as `phase 3`
        titles = {division["column"]: division["title"] for division in self.report["fairness"]["divisions"]}
        return f"{titles[column][self.key]}: {value}"


def card_html(profile: Profile, study: Study, body: Json, answers: Answers) -> bytes:
    """`card.html` of a study whose report is `body`: Portuguese, then English, with the same figures."""
    sections = [Section(locale, body, tuple(_lines(study, locale)), charts(answers, locale)) for locale in LOCALES]
    page = _ENVIRONMENT.get_template("card.html").render(
        sections=sections,
        measures=tuple(MEASURES),
        shown=SHOWN,
        compared=COMPARED,
        years=partial(_years, profile),
        looks_ahead=any(task.horizon for task in profile.tasks.values()),
    )
    return name_own_style(page).encode()


def _years(profile: Profile, cohorts: Iterable[Mapping[str, Any]]) -> str:
    """The years of cohorts of the report, each from its features to its label, before what is said of their rows.

    Empty where rows have neither year nor term.
    """
    ends = [(cohort["features"][-1], cohort["label"]) for cohort in cohorts]
    named = [[profile.period_text(year) for year in dict.fromkeys(pair)] for pair in ends]
    texts = [" → ".join(names) for names in named if all(names)]
    return f"{', '.join(texts)} · " if texts else ""


def _lines(study: Study, locale: str) -> Iterator[MetricsRow]:
    groups = {
        "onset": msg("Farol, those not at risk now"),
        "onset_below_top": msg("Farol, those not at risk now, without the highest level, which cannot fall into risk"),
        "recovery": msg("Farol, those at risk now"),
    }
    rows: list[tuple[Message, Evaluation]] = [(msg("Farol"), study.evaluation)]
    if study.hidden is not None:
        rows.append((msg("Farol without {names}", names=", ".join(study.task.hidden)), study.hidden))
    rows += [(groups[name], evaluation) for name, evaluation in study.groups.items()]
    rows += [(baseline.title, evaluation) for baseline, evaluation, _ in study.baselines]
    for title, evaluation in rows:
        cells = {name: _cell(estimate, locale) for name, estimate in evaluation.estimates.items()}
        yield MetricsRow(title.render(locale), evaluation.n, evaluation.positives, cells)


def _cell(estimate: Estimate | Undefined, locale: str) -> Cell:
    if isinstance(estimate, Undefined):
        return Cell("–", "", estimate.reason.render(locale))
    low, high = (_number(value, 3, locale) for value in (estimate.low, estimate.high))
    return Cell(_number(estimate.value, 3, locale), f"{low} – {high}", "")


def _number(value: float, digits: int, locale: str, *, sign: bool = False) -> str:
    """A number with the locale's decimal mark and, if asked, its sign; nothing is minus zero."""
    rounded = round(value, digits) + 0.0
    text = (f"{rounded:+.{digits}f}" if sign else f"{rounded:.{digits}f}").replace("-", "−")
    return text.replace(".", ",") if locale == "pt_BR" else text
