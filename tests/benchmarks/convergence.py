"""How fast the loss falls: settings that change the optimization but not the objective, on the same pairs.

    python tests/benchmarks/convergence.py --candidates "" parameters=pyramid scales=2,scale_iterations=0.5

A candidate is a list of `setting=value`, separated by commas; the first one is the baseline, by default nst's defaults.
Prints a line of JSON for each pair and candidate, and at the end the means over the pairs:

- `losses`: the lowest total loss at full size after these shares of the iterations, relative to the baseline's last
  one; null at coarser scales;
- `iterations`, `cpu_seconds`: until the loss is as low as the baseline's last one; null if it never was. The mean is
  relative to the baseline's own, over the pairs that got there.

For each tolerance it also prints where the setting `tolerance` would have ended the baseline: after which part of the
iterations, and with which loss relative to its last one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from pathlib import Path
from statistics import fmean
from typing import Any

from nst import weights
from nst.engine.stopping import remaining_gain
from nst.engine.stylization import Progress, Transfer, stylize
from nst.images import read_picture
from nst.settings import Settings, make
from nst.settings.scales import plan

DATA = Path(__file__).parents[2] / "data"
CONTENTS = [str(DATA / f"content/{name}.jpg") for name in ("lake", "street")]
STYLES = [str(DATA / f"style/{name}.jpg") for name in ("swirls", "stained_glass")]
MARKS = (0.25, 0.5, 0.75, 1.0)


def history(content: str, style: str, settings: Settings) -> list[tuple[float, float]]:
    """(lowest total loss so far, CPU seconds) after each iteration; infinite at coarser scales."""
    pictures = [read_picture(path, long_side=settings.size).pixels for path in (content, style)]
    scales = plan(settings, max(pictures[0].shape))
    coarse = scales[-2].last if len(scales) > 1 else 0
    lowest, found, began = float("inf"), [], time.process_time()
    state = weights.load(settings.network)[0]
    for event in stylize(Transfer(pictures[0], [pictures[1]], settings), state=state, device="auto"):
        if isinstance(event, Progress):
            if event.iteration > coarse:
                lowest = min(lowest, event.losses["total"])
            found.append((lowest, time.process_time() - began))
    return found


def compared(found: list[tuple[float, float]], baseline: list[tuple[float, float]]) -> dict[str, Any]:
    """The figures of a candidate on one pair."""
    goal = baseline[-1][0]
    reached = next((index for index, (loss, _) in enumerate(found) if loss <= goal), None)
    return {
        "losses": [finite(found[round(mark * len(found)) - 1][0] / goal) for mark in MARKS],
        "iterations": None if reached is None else (reached + 1) / len(baseline),
        "cpu_seconds": None if reached is None else found[reached][1] / baseline[-1][1],
    }


def ended(losses: list[float], tolerance: float) -> dict[str, float]:
    """Where a tolerance ends the baseline, whose lowest losses these are: at one iteration after the prediction."""
    count = len(losses)
    last = next((n for n in range(1, count - 1) if remaining_gain(losses[:n], count) < tolerance), count - 1) + 1
    return {"iterations": last / count, "loss": losses[last - 1] / losses[-1]}


def finite(loss: float) -> float | None:
    return loss if math.isfinite(loss) else None


def mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), 3) if known else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contents", nargs="+", default=CONTENTS)
    parser.add_argument("--styles", nargs="+", default=STYLES)
    parser.add_argument("--candidates", nargs="+", default=["", "parameters=pyramid"])
    parser.add_argument("--tolerances", nargs="*", type=float, default=[0.005, 0.01, 0.02, 0.05])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--network", choices=["lite", "vgg19"], default="vgg19")
    options = parser.parse_args()
    base = {name: getattr(options, name) for name in ("size", "iterations", "network")}
    figures: dict[str, list[dict[str, Any]]] = {name: [] for name in options.candidates}
    ends: dict[float, list[dict[str, float]]] = {tolerance: [] for tolerance in options.tolerances}
    for content, style in itertools.product(options.contents, options.styles):
        baseline: list[tuple[float, float]] = []
        for name in options.candidates:
            changes = dict(part.split("=", 1) for part in name.split(",") if part)
            found = history(content, style, make(base | changes))
            if not baseline:
                baseline = found
                for tolerance, lines in ends.items():
                    lines.append(ended([loss for loss, _ in baseline], tolerance))
            figures[name].append(compared(found, baseline))
            pair = f"{Path(content).stem} × {Path(style).stem}"
            print(json.dumps({"pair": pair, "candidate": name} | figures[name][-1], ensure_ascii=False), flush=True)
    candidates = {
        name: {
            "losses": [mean([line["losses"][i] for line in lines]) for i in range(len(MARKS))],
            **{key: mean([line[key] for line in lines]) for key in ("iterations", "cpu_seconds")},
            "reached": sum(line["iterations"] is not None for line in lines),
        }
        for name, lines in figures.items()
    }
    pairs = len(next(iter(figures.values())))
    tolerances = {
        tolerance: {
            "iterations": mean([line["iterations"] for line in lines]),
            "loss": mean([line["loss"] for line in lines]),
            "highest loss": round(max(line["loss"] for line in lines), 4),
        }
        for tolerance, lines in ends.items()
    }
    report = {**base, "marks": MARKS, "pairs": pairs, "candidates": candidates, "tolerances": tolerances}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
