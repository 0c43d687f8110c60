"""What 16-bit activations cost in quality: pairs painted in float32 and in bf16, both judged in float32.

    python tests/benchmarks/precision.py CONTENT... --styles STYLE... --size 256 --evaluations 100

Weights come from NST_WEIGHTS_DIR or the cache. Prints a line of JSON a pair: the float32 objective of the picture that
was painted in bf16 over that of the one in float32, and the seconds of both; last, the mean and the worst.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from statistics import fmean

import engine
from nst import weights
from nst.images import read_picture
from nst.settings import make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = engine.DATA
    parser.add_argument("contents", nargs="*", default=[data / "content" / f"{n}.jpg" for n in ("lake", "portrait")])
    parser.add_argument("--styles", nargs="+", default=[data / "style" / f"{n}.jpg" for n in ("swirls", "cubism")])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--evaluations", type=int, default=100)
    arguments = parser.parse_args()
    state, _, _ = weights.load("vgg19")
    lines = []
    for pair in itertools.product(arguments.contents, arguments.styles):
        content, style = (read_picture(path, long_side=arguments.size).pixels for path in pair)
        loss, seconds = {}, {}
        for precision in ("fp32", "bf16"):
            settings = make({"size": arguments.size, "iterations": arguments.evaluations, "precision": precision})
            _, finished = engine.ours(content, style, state, settings, device="auto")
            loss[precision] = engine.exact_loss(finished.pixels, content, style, state, settings)
            seconds[precision] = finished.seconds["optimise"]
        line = {"content": Path(pair[0]).stem, "style": Path(pair[1]).stem, "loss": loss, "seconds": seconds}
        lines.append(line | {"ratio": loss["bf16"] / loss["fp32"]})
        print(json.dumps(lines[-1]), flush=True)
    ratios = [line["ratio"] for line in lines]
    print(json.dumps({"pairs": len(lines), "mean_ratio": fmean(ratios), "worst_ratio": max(ratios)}, indent=1))


if __name__ == "__main__":
    main()
