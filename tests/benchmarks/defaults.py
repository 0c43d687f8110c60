"""Which defaults give the best images: candidates on the same pairs, evaluated by one reference network.

    python tests/benchmarks/defaults.py --contents C... --styles S... --work FOLDER

Each candidate is `start`, from which the search of docs/explanation/defaults.md began, with a few values changed. A
change may trade content for style, so besides both errors an index is printed: style_error · content_error^1.2, which
a change of style_weight alone leaves about as it is (the candidates `style_weight=…` show how nearly). A line of JSON
an image is kept in results.jsonl of the work folder, and what stands there is not stylized again; sheet.png there
shows every pair by every candidate.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path
from statistics import fmean, geometric_mean

from nst import weights
from nst.engine.stylization import Transfer, stylize
from nst.images import read_picture, write_picture
from nst.metrics import ReferenceNetwork, evaluate
from nst.settings import make
from nst.summaries.drawing import Cell, Layout, draw_sheet

DATA = Path(__file__).parents[2] / "data"
POWER = 1.2
MEANS = ("style_error", "content_error", "cpu_seconds")
SHALLOW_HEAVY = "conv1_1:256+conv2_1:64+conv3_1:16+conv4_1:4+conv5_1:1"
DEEP_HEAVY = "conv1_1:0.1+conv2_1:0.2+conv3_1:0.4+conv4_1:0.8+conv5_1:1.6"
START = {"style_weight": 6}
CANDIDATES: dict[str, dict[str, object]] = {
    "start": {},
    "style_weight=3": {"style_weight": 3},
    "style_weight=12": {"style_weight": 12},
    "style_weight=16": {"style_weight": 16},
    "style_weight=24": {"style_weight": 24},
    "style_weight=48": {"style_weight": 48},
    "style_weight=12, tv_weight=3": {"style_weight": 12, "tv_weight": 3},
    "scales=2": {"scales": 2},
    "scales=4": {"scales": 4},
    "wasserstein": {"style_loss": "wasserstein"},
    "wasserstein, style_weight=12": {"style_loss": "wasserstein", "style_weight": 12},
    "wasserstein, style_weight=24": {"style_loss": "wasserstein", "style_weight": 24},
    "wasserstein, style_weight=96": {"style_loss": "wasserstein", "style_weight": 96},
    "style_weight=24, scales=2": {"style_weight": 24, "scales": 2},
    "wasserstein, style_weight=24, scales=2": {"style_loss": "wasserstein", "style_weight": 24, "scales": 2},
    "covariance": {"style_loss": "covariance"},
    "average pooling": {"pooling": "average"},
    "l2 pooling": {"pooling": "l2"},
    "replicate padding": {"padding": "replicate"},
    "before the ReLU": {"layer_output": "conv"},
    "shallow layers weigh more": {"style_layers": SHALLOW_HEAVY},
    "deep layers weigh more": {"style_layers": DEEP_HEAVY},
    "from noise": {"init": "noise"},
    "from content and noise": {"init": "content+noise"},
    "adam": {"optimizer": "adam"},
    "adam, averaged": {"optimizer": "adam", "ema_decay": 0.95},
}


def measure(
    name: str, content: str, style: str, arguments: argparse.Namespace, by: ReferenceNetwork, state: dict
) -> dict:
    """Stylize and judge one picture."""
    pictures = [read_picture(path, long_side=arguments.size).pixels for path in (content, style)]
    base = {"network": arguments.network, "iterations": arguments.iterations} | START
    began = time.process_time()  # of all cores: another program beside this one does not count
    *_, finished = stylize(Transfer(pictures[0], [pictures[1]], make(base | CANDIDATES[name])), state=state)
    seconds = time.process_time() - began
    write_picture(place(name, content, style, arguments), finished.pixels)
    found = evaluate(finished.pixels, pictures[0], [pictures[1]], by=by)
    return {"style_error": found.style_error, "content_error": found.content_error, "cpu_seconds": seconds}


def place(name: str, content: str, style: str, arguments: argparse.Namespace) -> Path:
    run = f"{arguments.size}-{arguments.iterations}-{arguments.network}"
    return arguments.work / f"{Path(content).stem}--{Path(style).stem}--{run}--{name.replace(' ', '_')}.png"


def summary(lines: dict[tuple[str, str], dict], pairs: list[str]) -> dict[str, dict[str, float]]:
    """Means by candidate over the pairs that all have; the index relative to that of the defaults."""
    found = {}
    for name in CANDIDATES:
        rows = [lines[name, pair] for pair in pairs if (name, pair) in lines]
        if len(rows) == len(pairs):
            found[name] = {key: fmean(row[key] for row in rows) for key in MEANS}
            indices = [row["style_error"] * row["content_error"] ** POWER for row in rows]
            found[name]["index"] = geometric_mean(indices)
    first = found.get("start", next(iter(found.values())))["index"]
    return {name: row | {"index": row["index"] / first} for name, row in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contents", nargs="+", default=[str(DATA / f"content/{n}.jpg") for n in ("lake", "portrait")])
    parser.add_argument("--styles", nargs="+", default=[str(DATA / f"style/{n}.jpg") for n in ("swirls", "cubism")])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--network", choices=["vgg19", "lite"], default="vgg19")
    parser.add_argument("--candidates", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES))
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    by, (state, _, digest) = ReferenceNetwork.load(), weights.load(arguments.network)
    setting = {"size": arguments.size, "iterations": arguments.iterations, "weights": digest[:8]}
    kept = arguments.work / "results.jsonl"
    known = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    lines = {(line["candidate"], line["pair"]): line for line in known if setting.items() <= line.items()}
    chosen = list(itertools.product(arguments.contents, arguments.styles))
    pairs = [f"{Path(c).stem}--{Path(s).stem}" for c, s in chosen]
    for name, ((c, s), pair) in itertools.product(arguments.candidates, zip(chosen, pairs, strict=True)):
        if (name, pair) in lines:
            continue
        line = {"candidate": name, "pair": pair} | setting | measure(name, c, s, arguments, by, state)
        lines[name, pair] = line
        print(json.dumps(line), flush=True)
        with kept.open("a") as file:
            file.write(json.dumps(line) + "\n")
    found = summary(lines, pairs)
    rows = [[Cell(c), Cell(s), *(Cell(str(place(name, c, s, arguments))) for name in found)] for c, s in chosen]
    subtitle = f"{arguments.size} px, {arguments.iterations} iterations, {arguments.network}"
    draw_sheet(Layout("candidates for the defaults", subtitle, rows, (0, 2), list(found)), arguments.work / "sheet.png")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
