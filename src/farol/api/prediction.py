"""From what was given for pupils to what is stored and answered: one pupil and many rows by the same lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from farol.api.errors import ApiError
from farol.api.idempotency import NO_KEY, Hashes
from farol.api.schemas import PupilInput
from farol.api.serving_model import Served
from farol.i18n import msg
from farol.model.bundle import Bundle
from farol.model.inputs import InputWarning
from farol.model.reasons import Reason, explain_scores
from farol.model.risk_bands import band_in
from farol.model.scoring import Answer, abstention, label_text, warnings_for
from farol.store.journal import Made
from farol.store.prediction_rows import row_of
from farol.store.records import Prediction, Source


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """What was given for one pupil and when, the year it is of, the hashes of a request that may be sent again."""

    given: PupilInput
    at: datetime  # aware
    year: int
    hashes: Hashes = NO_KEY
    reasons: int = 0


@dataclass(frozen=True, slots=True)
class ScoredPrediction:
    """A question with its answer, what led to that, and the row that the store is to keep."""

    given: PupilInput
    answer: Answer
    reasons: tuple[Reason, ...]
    warnings: tuple[InputWarning, ...]
    row: Prediction


def score_questions(
    served: Served, questions: Sequence[PredictRequest], *, source: Source
) -> list[ScoredPrediction | ApiError]:
    """An answer for each question, all scored as one batch; an ApiError where nothing was given to answer from."""
    if not questions:
        return []
    scorer = served.scorer
    scores = scorer.score_rows([one.given.values for one in questions], [one.year for one in questions])
    most = max(one.reasons for one in questions)
    explained = explain_scores(scorer, scores, most) if most else None
    found: list[ScoredPrediction | ApiError] = []
    for place, (question, answer) in enumerate(zip(questions, scorer.answers(scores), strict=True)):
        given = question.given
        if not given.values or all(value is None for value in answer.features.values()):
            found.append(nothing_given(served.bundle))
            continue
        warnings = warnings_for(served.bundle, given.values)
        row = row_of(
            scorer,
            answer,
            given.values,
            at=question.at,
            year=question.year,
            source=source,
            student=given.student,
            group=given.group,
            key_hash=question.hashes.key,
            body_hash=question.hashes.body,
            warnings=tuple(warning.code for warning in warnings),
        )
        why = explained.reasons(place)[: question.reasons] if explained is not None and question.reasons else ()
        found.append(ScoredPrediction(given, answer, why, warnings, row))
    return found


def answer_body(served: Served, scored: ScoredPrediction, stored: Prediction, locale: str) -> dict[str, object]:
    """What is answered for one pupil, in `locale`: `farol.api.answers.prediction.PredictionAnswer`."""
    bundle, answer = served.bundle, scored.answer
    band = band_in(served.bands, stored.probability)
    return {
        "prediction": stored.prediction,
        "prediction_label": label_text(bundle, stored.prediction, locale),
        "probability": stored.probability,
        "band": None if band is None else band.as_dict(),
        "abstained": answer.abstained,
        "abstention": abstention(bundle, answer.features).render(locale) if answer.abstained else None,
        "reasons": [reason.as_dict(locale) for reason in scored.reasons],
        "prediction_id": stored.id,
        "task": stored.task,
        "model_version": stored.version,
        "threshold": stored.threshold,
        "warnings": [
            {"code": warning.code, "field": warning.field, "message": warning.message.render(locale)}
            for warning in scored.warnings
        ],
    }


def nothing_given(bundle: Bundle) -> ApiError:
    """The refusal of a question without anything that counts."""
    what = msg("at least one of {names}", names=", ".join(bundle.inputs.columns))
    words = msg("Nothing was given from which to answer.")
    return ApiError(422, "nothing_given", words, fix=msg("Give {what}.", what=what))


@dataclass(slots=True)
class Asked:
    """One request in the journal: what its model is asked, and, once its group is made, what that answered."""

    served: Served
    question: PredictRequest
    scored: ScoredPrediction | None = field(default=None)
    origin: object = None  # the span of its request, where traces are made


def make_group(group: Sequence[Asked]) -> list[Made]:
    """The predictions of a group, each model's scored as one batch; an ApiError for those that cannot be had."""
    found: dict[int, Made] = {}
    by_model: dict[int, list[int]] = {}
    for place, one in enumerate(group):
        by_model.setdefault(id(one.served), []).append(place)
    for places in by_model.values():
        questions = [group[place].question for place in places]
        answers = score_questions(group[places[0]].served, questions, source="api")
        for place, answer in zip(places, answers, strict=True):
            if isinstance(answer, ScoredPrediction):
                group[place].scored = answer
                found[place] = answer.row
            else:
                found[place] = answer
    return [found[place] for place in range(len(group))]
