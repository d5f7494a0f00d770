"""What all shapes of answers share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]


class Shape(BaseModel):
    """What all shapes share: nothing unsaid, so that a test which reads an answer back finds what is undocumented."""

    model_config = ConfigDict(extra="forbid")


def shapes(base: type[Shape] = Shape) -> Iterator[type[Shape]]:
    """Every shape there is."""
    for shape in base.__subclasses__():
        yield shape
        yield from shapes(shape)
