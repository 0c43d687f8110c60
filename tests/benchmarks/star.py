"""How often the star falls on the image that a person picks: `python tests/benchmarks/star.py`.

star.csv has a line for each image of several sweeps of the style weight: its errors by the reference network, and
whether it was the pick of its sweep. Who picked saw content, style and the images without labels, twice, each time in
a new random order; the pick was noted before any number was shown. docs/explanation/metrics.md has
what follows from it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

from nst.settings.metrics import STYLE_FACTOR

LOOKS = ["first_look", "second_look"]
#: How much a style error weighs in each rule: the plain sum was the star's rule before.
RULES = {"sum": 1, "star": STYLE_FACTOR}


def place(sweep: pd.DataFrame, factor: float) -> int:
    """Where in a sweep, ordered by its weights, content_error + factor · style_error is least."""
    return int((sweep["content_error"] + factor * sweep["style_error"]).to_numpy().argmin())


def summary(sweep: pd.DataFrame) -> dict[str, object]:
    """What the sweep is of, and the weights that were picked and that each rule chooses."""
    weights = sweep["style_weight"].tolist()
    picked = {look: [w for w, mark in zip(weights, sweep[look], strict=True) if mark == "pick"] for look in LOOKS}
    first = sweep.iloc[0]
    return {
        "pair": f"{first['content']} × {first['style']}",
        "settings": first["settings"] or "default",
        "weights": " ".join(f"{w:g}" for w in weights),
        **{look: f"{chosen[0]:g}" if chosen else "" for look, chosen in picked.items()},
        **{rule: f"{weights[place(sweep, factor)]:g}" for rule, factor in RULES.items()},
    }


def agreement(sweeps: list[pd.DataFrame], factor: float) -> dict[str, int]:
    """In how many sweeps a rule chooses the pick of the first look, or that or a neighbor of it."""
    apart = [abs(place(s, factor) - (s["first_look"] == "pick").to_numpy().argmax()) for s in sweeps]
    return {"pick": sum(int(d == 0) for d in apart), "pick or neighbor": sum(int(d <= 1) for d in apart)}


def main() -> None:
    """Print picks and choices of each sweep, and how often they agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="?", default=Path(__file__).with_name("star.csv"))
    table = pd.read_csv(parser.parse_args().pictures, keep_default_na=False)
    sweeps = [sweep.sort_values("style_weight") for _, sweep in table.groupby("sweep")]
    print(pd.DataFrame(map(summary, sweeps)).to_string(index=False), "\n")
    twice = [s for s in sweeps if (s["second_look"] == "pick").any()]
    found = {
        "sweeps": len(sweeps),
        "looked at twice": len(twice),
        "the same pick twice": sum(bool((s["first_look"] == s["second_look"]).all()) for s in twice),
        **{rule: agreement(sweeps, factor) for rule, factor in RULES.items()},
        "pick or neighbor by factor": {
            factor: agreement(sweeps, factor)["pick or neighbor"] for factor in (1, 2, 4, 8, 12, 16, 24, 32, 64)
        },
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
