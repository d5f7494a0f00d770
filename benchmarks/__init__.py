"""What Farol measures of itself, each against a named rival or floor: `python -m benchmarks.NAME`."""
