"""What 16-bit activations cost in quality: pairs stylized in float32 and in bf16, both evaluated in float32.

    python tests/benchmarks/precision.py CONTENT... --styles STYLE... --size 256 --iterations 100 --starts 3

Where a run ends depends on the least change of where it begins: L-BFGS amplifies any rounding. So each pair begins
from several starts, the content and the content with noise below the step of an 8-bit file, in both precisions. Prints
a line of JSON a pair: by the float32 objective, the mean loss of the images stylized in bf16 over that of those in
float32; how far apart those in float32 are, the highest over the lowest; and the seconds a picture. Last, the mean and
the worst of these.
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

#: Standard deviation of the noise, in 0..1: a step of an 8-bit file is 0.0039.
NOISE = 0.001


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = engine.DATA
    parser.add_argument("contents", nargs="*", default=[data / "content" / f"{n}.jpg" for n in ("lake", "portrait")])
    parser.add_argument("--styles", nargs="+", default=[data / "style" / f"{n}.jpg" for n in ("swirls", "cubism")])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--starts", type=int, default=3)
    arguments = parser.parse_args()
    state, _, _ = weights.load("vgg19")
    lines = []
    for pair in itertools.product(arguments.contents, arguments.styles):
        content, style = (read_picture(path, long_side=arguments.size).pixels for path in pair)
        losses: dict[str, list[float]] = {"fp32": [], "bf16": []}
        seconds: dict[str, list[float]] = {"fp32": [], "bf16": []}
        for precision, seed in itertools.product(losses, range(arguments.starts)):
            values = {"size": arguments.size, "iterations": arguments.iterations, "precision": precision}
            start = {"init": "content+noise", "noise": NOISE, "seed": seed} if seed else {}
            settings = make(values | start)
            _, finished = engine.ours(content, style, state, settings, device="auto")
            losses[precision].append(engine.exact_loss(finished.pixels, content, style, state, settings))
            seconds[precision].append(finished.seconds["optimize"])
        line = {
            "content": Path(pair[0]).stem,
            "style": Path(pair[1]).stem,
            "losses": losses,
            "seconds": {precision: fmean(times) for precision, times in seconds.items()},
            "ratio": fmean(losses["bf16"]) / fmean(losses["fp32"]),
            "fp32_spread": max(losses["fp32"]) / min(losses["fp32"]),
        }
        lines.append(line)
        print(json.dumps(line), flush=True)
    ratios, spreads = ([line[key] for line in lines] for key in ("ratio", "fp32_spread"))
    summary = {"pairs": len(lines), "starts": arguments.starts, "mean_ratio": fmean(ratios), "worst_ratio": max(ratios)}
    print(json.dumps(summary | {"mean_fp32_spread": fmean(spreads), "worst_fp32_spread": max(spreads)}, indent=1))


if __name__ == "__main__":
    main()
