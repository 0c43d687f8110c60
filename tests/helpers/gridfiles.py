"""Helpers of the grid's tests: a working directory with tiny images and a manifest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hypothesis import HealthCheck, settings
from PIL import Image

from nst.grid.pairs import Pair, print_grid_csv

#: For properties: a busy machine is no failure, and a fixture that only changes the folder may be shared.
PATIENT = settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def picture(path: str, size: tuple[int, int] = (8, 6)) -> str:
    """Write a tiny image below the working directory; its path."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (40, 90, 160)).save(path)
    return path


def table(text: str, path: str = "manifest.csv") -> str:
    """Write a manifest; its path."""
    Path(path).write_text(text, encoding="utf-8", newline="")
    return path


def write_grid(pairs: Iterable[Pair], path: str, results: str, format: str) -> None:
    """Write grid.csv as the workflow's rule does."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        print_grid_csv(pairs, file, results, format)
