"""Fixtures that the tests of this folder share."""

from tests.monitored import bundle, bundle_of

__all__ = ["bundle", "bundle_of"]
