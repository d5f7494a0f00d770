"""What a reader must know of a test before its figures: how it was made, which years it lacks, what nobody knew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from farol.i18n import Listing, Message, count, decimal, msg
from farol.profile import NO_PERIOD
from farol.training.evaluation import Study
from farol.training.large import SERVED
from farol.training.plan import FOLDS, TEST_SHARE, Cohort
from farol.training.rows import LabelledRows


def notes(study: Study) -> Iterator[Message]:
    """The notes of a study, the gravest first."""
    yield from _of_the_test(study)
    for untested in study.plan.untested:
        words = (
            msg("{years} could not be used for the test ({reason}). The model in use still learns from it.",
                years=untested.cohort.years, reason=untested.reason)
            if untested.serves
            else msg("{years} could not be used, either for learning or for the test: {reason}.",
                     years=untested.cohort.years, reason=untested.reason)
        )  # fmt: skip
        yield words
    yield from _unknown(study)
    yield from _of_the_model_in_use(study)


def _of_the_test(study: Study) -> Iterator[Message]:
    """What the way of the test, and a sample of its rows, say of the figures."""
    plan = study.plan
    if plan.split == "folds":
        yield msg(
            "This test is weaker than a test on a later year, which these sheets do not allow. The "
            "pupils of {years} were split into {parts} parts, and each part was answered by a model that "
            "had not seen its pupils. Nobody knows yet what the answers are worth in another year.",
            years=_years(plan.test),
            parts=FOLDS,
        )
    elif plan.split == "by_rows":
        yield msg(
            "The model was tested on pupils drawn at random, about {share} of all, as the profile asks. "
            "The test says nothing about another year or another school.",
            share=f"{TEST_SHARE:.0%}",
        )
    elif plan.split == "by_groups":
        yield msg(
            "The model was tested on pupils with some values of “{column}”, drawn at random. It learned "
            "from pupils with the other values, as the profile asks. The test says nothing about another "
            "year.",
            column=study.meanings[str(plan.column)],
        )
    if study.population is not None and study.prepared is not None:
        whole = study.population.whole
        yield msg(
            "The models learned from all {taught} rows. The figures are of a sample of {n} of the {all} test rows; "
            "their intervals say how far the sample may err. Over all test rows the ROC AUC is {auc} (±{error}) and "
            "the Brier score {brier}.",
            taught=count(study.prepared.rows[SERVED]),
            n=count(study.test.label.size),
            all=count(whole.n),
            auc=decimal(whole.roc_auc, 4),
            error=decimal(whole.roc_auc_error, 4),
            brier=decimal(whole.brier, 4),
        )


def _of_the_model_in_use(study: Study) -> Iterator[Message]:
    plan = study.plan
    served = study.served.label.size if study.prepared is None else study.prepared.rows[SERVED]
    if plan.split == "by_time":
        yield msg(
            "The tested model knew only {before}. The model in use was made after the test, from all "
            "rows with a known answer: {all} ({n} rows).",
            before=_years(plan.train),
            all=_years(plan.serve),
            n=count(int(served)),
        )
    else:
        yield msg(
            "The model in use was made after the test, from all rows with a known answer: {all} ({n} rows).",
            all=_years(plan.serve),
            n=count(int(served)),
        )


def _unknown(study: Study) -> Iterator[Message]:
    """The features that nobody had in training, and those that nobody has at all."""

    def empty(rows: LabelledRows) -> list[str]:
        known = (~np.isnan(rows.matrix)).sum(axis=0).tolist()
        return [name for name, n in zip(study.task.features, known, strict=True) if not n]

    unknown = empty(study.served)
    never = [study.meanings[name] for name in unknown]
    later = [study.meanings[name] for name in empty(study.train) if name not in unknown]
    if never:
        yield msg(
            "No pupil that the model learned from has a value for {names}. The answers do not use it.",
            names=Listing(tuple(never)),
        )
    if later:
        yield msg(
            "No pupil that the tested model learned from has a value for {names}. The test does not show what it is "
            "worth in the model in use.",
            names=Listing(tuple(later)),
        )


def _years(cohorts: Iterable[Cohort]) -> str | Message:
    """The years or terms, or "this file" where a profile has none."""
    known = list(cohorts)
    if any(cohort.as_of == NO_PERIOD for cohort in known):
        return msg("this file")
    return ", ".join(cohort.years for cohort in known)
