"""The preset paper-avgpool, the program that it reproduces, and the defaults, evaluated by one reference network.

    python tests/benchmarks/peers.py --contents C... --styles S... --work FOLDER

Stylizes every pair three times: the preset's objective by torch.optim.LBFGS at its defaults with the pixels clamped at
each iteration, as that program has it; the preset by nst at as many iterations; and nst's defaults. With --also VALUE
the first pair is stylized again with the defaults and that style_weight, to compare at an equal content error.
Prints a line of JSON an image, then means; writes sheet.png. Images
that the work folder holds already are not stylized again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path
from statistics import fmean

import engine
import optimizers

from nst import weights
from nst.images import read_picture, write_picture
from nst.metrics import ReferenceNetwork, evaluate
from nst.pair.job import Job, read_inputs
from nst.settings import Settings, make, presets
from nst.summaries.drawing import Cell, Layout, draw_sheet

TITLES = {
    "torch": "paper-avgpool by torch.optim.LBFGS",
    "preset": "paper-avgpool by nst",
    "defaults": "nst's defaults",
}


def candidates(size: int, iterations: int) -> dict[str, Settings]:
    theirs = presets.load("paper-avgpool").values | {"size": size, "iterations": iterations}
    return {"torch": make(theirs), "preset": make(theirs), "defaults": make({"size": size, "iterations": iterations})}


def stylize_pair(who: str, settings: Settings, content: Path, style: Path, state: dict, out: Path) -> float:
    """Write the image; the seconds that it took."""
    inputs = read_inputs(Job(str(content), ((str(style), 1.0),), settings, out))
    run = optimizers.torchs if who == "torch" else optimizers.ours
    began = time.perf_counter()
    _, picture = run(inputs.content.pixels, inputs.styles[0].pixels, state, settings)
    seconds = time.perf_counter() - began
    write_picture(out, picture)
    out.with_suffix(".json").write_text(json.dumps({"seconds": seconds}))
    return seconds


def measure(
    who: str, settings: Settings, pair: tuple[Path, Path], by: ReferenceNetwork, work: Path
) -> tuple[dict, Path]:
    """What is known of one image, and the picture."""
    content, style = pair
    out = work / f"{content.stem}--{style.stem}-{settings.size}-{settings.iterations}-{who}.png"
    if not out.exists():
        stylize_pair(who, settings, content, style, by.state, out)
    pictures = [read_picture(path, long_side=settings.size).pixels for path in (out, content, style)]
    found = evaluate(pictures[0], pictures[1], [pictures[2]], by=by)
    line = {"pair": f"{content.stem}--{style.stem}", "by": who}
    line |= {"style_error": found.style_error, "content_error": found.content_error}
    return line | json.loads(out.with_suffix(".json").read_text()), out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = engine.DATA
    parser.add_argument("--contents", nargs="+", type=Path, default=[data / "content/lake.jpg"])
    parser.add_argument("--styles", nargs="+", type=Path, default=[data / "style/swirls.jpg"])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--also", nargs="*", type=float, default=[])
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    state, _, digest = weights.load("vgg19")
    by = ReferenceNetwork("vgg19", state, digest)
    pairs = list(itertools.product(arguments.contents, arguments.styles))
    lines, rows = [], []
    for pair in pairs:
        cells = [Cell(str(path), path.stem) for path in pair]
        for who, settings in candidates(arguments.size, arguments.iterations).items():
            line, picture = measure(who, settings, pair, by, arguments.work)
            print(json.dumps(line), flush=True)
            lines.append(line)
            detail = f"style {line['style_error']:.3f} · content {line['content_error']:.2f}"
            cells.append(Cell(str(picture), detail=detail))
        rows.append(cells)
    for weight in arguments.also:
        values = {"size": arguments.size, "iterations": arguments.iterations, "style_weight": weight}
        line, _ = measure(f"style_weight={weight:g}", make(values), pairs[0], by, arguments.work)
        print(json.dumps(line), flush=True)
    subtitle = f"{arguments.size} px, {arguments.iterations} iterations; errors by VGG-19"
    layout = Layout("The defaults beside paper-avgpool", subtitle, rows, (0, 2), list(TITLES.values()))
    draw_sheet(layout, arguments.work / "sheet.png")
    keys = ("style_error", "content_error", "seconds")
    mean = {who: {key: fmean(line[key] for line in lines if line["by"] == who) for key in keys} for who in TITLES}
    print(json.dumps({"pairs": len(pairs), "mean": mean}, indent=1))


if __name__ == "__main__":
    main()
