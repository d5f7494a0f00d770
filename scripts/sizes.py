"""The size of each installed library on the disk, without bytecode and without its dependencies; the largest first.

`.venv/bin/python -m scripts.sizes` after `make test`: these are the figures of docs/dependencies.md.
"""

from __future__ import annotations

from importlib.metadata import Distribution, distributions
from pathlib import Path


def megabytes(distribution: Distribution) -> float:
    """The size of the files that a distribution installed."""
    places = [path for path in distribution.files or () if "__pycache__" not in path.parts]
    files = [Path(str(distribution.locate_file(place))) for place in places]
    return sum(file.stat().st_size for file in files if file.exists()) / 1e6


def main() -> None:
    """Print a line a library."""
    for size, name in sorted(((megabytes(item), item.name) for item in distributions()), reverse=True):
        print(f"{size:7.1f} MB  {name}")


if __name__ == "__main__":
    main()
