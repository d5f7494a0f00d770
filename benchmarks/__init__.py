"""Measurements of Farol, each against a named rival or floor: `python -m benchmarks.NAME`."""
