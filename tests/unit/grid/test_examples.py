"""The manifests of the published experiments, and the Python that README shows beside them."""

from pathlib import Path

import pytest

from nst.grid.config import load_config
from nst.grid.pairs import read_grid

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "config/examples").glob("*.csv"))
#: Pairs that each comes to.
COUNTS = {
    "artistyle-triples": 7, "content-init": 4, "content-or-style-only": 2, "content-reconstruction": 5,
    "film-frame": 4, "init": 2, "iterations": 4, "methods": 8, "network-style-weights": 12, "optimizers": 4,
    "pooling": 3, "ranges": 3, "ratio": 4, "snapshots": 2, "style-layers": 5, "style-reconstruction": 5,
    "style-weights": 5, "table": 10,
}  # fmt: skip


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_expands_and_says_where_it_comes_from(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    pairs = read_grid(path, load_config(ROOT / "config/config.yaml"))
    assert len(pairs) == COUNTS[path.stem]
    assert len({pair.id for pair in pairs}) == len(pairs)
    assert path.read_text("utf-8").startswith("# ")


def test_no_example_is_missing():
    assert {path.stem for path in EXAMPLES} == set(COUNTS)


def test_the_iterations_of_others_are_counted_in_iterations(monkeypatch):
    monkeypatch.chdir(ROOT)
    pairs = read_grid(ROOT / "config/examples/iterations.csv", load_config(ROOT / "config/config.yaml"))
    assert [pair.settings.iterations for pair in pairs] == [20 * n for n in (10, 50, 100, 250)]
