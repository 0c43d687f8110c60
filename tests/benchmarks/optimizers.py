"""Our L-BFGS against torch.optim.LBFGS on the same objective, network and precision, pair by pair.

    python tests/benchmarks/optimizers.py CONTENT... --styles STYLE... --size 256 --iterations 100

torch's runs as most programs run it: no line search, pixels clamped into 0..1 at each iteration. Prints a line of JSON
a pair, at the given marks: the lowest loss so far of both; at the end the neutral metrics of both saved images; last,
on how many pairs ours is lower, and the ratios of the means.
"""

from __future__ import annotations

import argparse
import itertools
import json
from functools import partial
from pathlib import Path
from statistics import fmean

import engine
import numpy as np
import torch

from nst import weights
from nst.engine import level
from nst.images import read_picture
from nst.machine import runtime
from nst.metrics import ReferenceNetwork, evaluate
from nst.settings import Settings, make

DATA = engine.DATA


def ours(content: np.ndarray, style: np.ndarray, state: dict, settings: Settings) -> tuple[list[float], np.ndarray]:
    """Losses at each iteration, and the picture."""
    seen, finished = engine.ours(content, style, state, settings, device="auto")
    return seen, finished.pixels


def torchs(
    content: np.ndarray, style: np.ndarray, state: dict, settings: Settings, **options: float
) -> tuple[list[float], np.ndarray]:
    """The same by torch.optim.LBFGS with these options; its best image, as ours keeps its best."""
    device = runtime.torch_device("auto")
    dtype = runtime.compute_type(settings.precision, device)
    pair = engine.pair(content, style, settings, state, device)
    objective = pair.objective(pair.network(dtype))
    x = level.start(pair, None).to(device).requires_grad_(True)
    optimizer = torch.optim.LBFGS([x], **options)
    seen: list[float] = []
    best = x.detach().clone()

    def closure() -> torch.Tensor:
        x.data.clamp_(0, 1)
        found = objective.evaluate(x)
        x.grad = found.gradient.contiguous()
        if not seen or (found.total.item() < min(seen) and len(seen) < settings.iterations):
            best.copy_(x.detach())
        seen.append(found.total.item())
        return found.total

    before = -1
    while before + 1 < len(seen) < settings.iterations or not seen:  # a step of one iteration: it has converged
        before = len(seen)
        optimizer.step(closure)
    return seen, best[0].permute(1, 2, 0).cpu().numpy()


def in_one_step(iterations: int) -> dict[str, float]:
    """Options with which torch never stops early nor evaluates twice between its steps: the strongest opponent."""
    return {"max_iter": 10 * iterations, "max_eval": iterations, "tolerance_grad": 0, "tolerance_change": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contents", nargs="*", default=[DATA / "content" / f"{n}.jpg" for n in ("lake", "portrait")])
    parser.add_argument("--styles", nargs="+", default=[DATA / "style" / f"{n}.jpg" for n in ("swirls", "cubism")])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=100)
    arguments = parser.parse_args()
    n = arguments.iterations
    settings = make({"size": arguments.size, "iterations": n})
    state, _, digest = weights.load("vgg19")
    marks = sorted({max(1, n // 4), max(1, n // 2), n})
    lines = []
    for pair in itertools.product(arguments.contents, arguments.styles):
        content, style = (read_picture(path, long_side=arguments.size).pixels for path in pair)
        line = {"content": Path(pair[0]).stem, "style": Path(pair[1]).stem}
        for name, run in (("nst", ours), ("torch", partial(torchs, **in_one_step(n)))):
            seen, picture = run(content, style, state, settings)
            metrics = evaluate(picture, content, [style], by=ReferenceNetwork("vgg19", state, digest))
            line[name] = {f"loss_{m}": min(seen[:m]) for m in marks}
            line[name] |= {"style_error": metrics.style_error, "content_error": metrics.content_error}
        lines.append(line)
        print(json.dumps(line), flush=True)
    names = lines[0]["nst"]
    mean = {who: {name: fmean(line[who][name] for line in lines) for name in names} for who in ("nst", "torch")}
    print(
        json.dumps(
            {
                "pairs": len(lines),
                "lower": {name: sum(line["nst"][name] < line["torch"][name] for line in lines) for name in names},
                "mean": mean,
                "ratio_of_means": {name: mean["nst"][name] / mean["torch"][name] for name in names},
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
