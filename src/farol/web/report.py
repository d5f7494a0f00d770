"""A report as one HTML file that needs nothing else: its style and its charts are in it, and it prints well."""

from __future__ import annotations

from markupsafe import Markup

from farol.advice.report import SECTIONS, Report
from farol.drift.psi import MODERATE, SEVERE
from farol.evaluation.metrics import MEASURES
from farol.files import name_own_style, style_sources
from farol.web.advice import advice_view
from farol.web.dashboard import feature_views, name_of
from farol.web.filters import period_words
from farol.web.locale import Reader, served_years, year_names
from farol.web.outcomes import estimate_view, part_view
from farol.web.status import status_of_report
from farol.web.templating import STATIC, document
from farol.web.timeline import event_views, marks_of, timeline


def file_policy(html: str) -> str:
    """The policy of a page that is one file: nothing may load or run in it, and of styles only those in itself."""
    return (
        f"default-src 'none'; style-src {style_sources(html)}; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


_STYLE = (STATIC / "farol.css").read_text(encoding="utf-8")


def report_html(report: Report, reader: Reader, *, is_demonstration: bool) -> str:
    """The file, in the reader's language and time zone."""
    bundle, drift = report.bundle, report.drift
    marks = marks_of(report.events)
    own = [snapshot for snapshot in report.snapshots if snapshot.version == bundle.version]
    views = feature_views(drift, own, marks, reader)
    alarms = {name_of(feature, reader) for feature in drift.figures if feature.alarm}
    manifest, came, _ = bundle.manifest, report.outcomes, reader.gettext
    values: dict[str, object] = {
        "sections": SECTIONS,
        "is_demonstration": is_demonstration,
        "style": Markup(_STYLE),  # noqa: S704  # our own file; it would be no style sheet if it were escaped
        "title": bundle.task_spec.title.in_locale(reader.locale),
        "question": bundle.task_spec.question.in_locale(reader.locale),
        "limits": bundle.task_spec.limits.in_locale(reader.locale),
        "made": reader.moment(report.made),
        "overall": status_of_report(drift, reader),
        "period": period_words(drift.window, reader),
        "n": reader.number(drift.n, 0),
        "reference_n": reader.number(drift.reference_n, 0),
        "reference_years": served_years(bundle),
        "model_version": bundle.version,
        "moderate": reader.number(MODERATE),
        "severe": reader.number(SEVERE),
        "features": views,
        "alarms": [view for view in views if view.name in alarms],
        "advices": [advice_view(advice, reader, None) for advice in report.advice],
        "outcomes": None if came is None else part_view(came.together, _("All pupils who can be measured"), reader),
        "before": None if came is None else estimate_view(came, reader),
        "outcome_notes": [] if came is None else [note.render(reader.locale) for note in came.notes],
        "timeline": timeline(report.snapshots, marks, reader),
        "happenings": event_views(report.events, reader),
        "snapshots_n": reader.number(len(report.snapshots), 0),
        "train_years": year_names(bundle, manifest.train_years),
        "test_years": year_names(bundle, manifest.test_years),
        "headline": [
            (
                MEASURES[name].title.render(reader.locale),
                MEASURES[name].meaning.render(reader.locale),
                reader.number(value, 3),
            )
            for name, value in manifest.headline.items()
        ],
        "bar_key": Markup('<span class="key"></span>'),
        "mark_key": Markup('<span class="key mark"></span>'),
    }
    return name_own_style(document(reader, "report.html", values))


def _metric(name: str, value: float, reader: Reader) -> tuple[str, str, str]:
    """Title, meaning and value of a metric of the card."""
    measure = MEASURES[name]
    return measure.title.render(reader.locale), measure.meaning.render(reader.locale), reader.number(value, 3)
