"""The small model of the tests of models."""

from tests.model.conftest import bundle, scorer

__all__ = ["bundle", "scorer"]
