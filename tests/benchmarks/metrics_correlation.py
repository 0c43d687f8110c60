"""How much the reference metrics agree: Spearman's rank correlation over a grid of small images.

    python tests/benchmarks/metrics_correlation.py --work FOLDER

Each content is stylized in each style by every candidate, and evaluated. The printed matrix has, above its diagonal,
the mean over the pairs of content and style of the correlation among a pair's images, which is what ranks compare;
below it, the correlation over all images. Signs are such that 1 means: the same order from best to worst.
disagreements.jpg shows, for each metric of the style, the two images of one pair about which it and the style error
disagree most.

A line of JSON per image is kept in results.jsonl of the work folder; those images are not stylized again. Several
processes may share a work folder, with different --contents; `--print` only prints what is there.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import pandas as pd
import torch

from nst import weights
from nst.engine.stylization import Transfer, stylize
from nst.images import read_picture, write_picture
from nst.metrics import ReferenceNetwork, evaluate
from nst.settings import make
from nst.settings.metrics import RANKED, STYLE_FACTOR
from nst.summaries.drawing import Cell, Layout, draw_sheet

DATA = Path(__file__).parents[2] / "data"
CONTENTS = [str(DATA / f"content/{name}.jpg") for name in ("harbour", "portrait", "street")]
STYLES = [str(DATA / f"style/{name}.jpg") for name in ("cubism", "pointillism", "swirls", "wave")]
LITE, VGG = {"network": "lite", "iterations": 50}, {"network": "vgg19", "iterations": 40}
CANDIDATES: dict[str, dict[str, object]] = {
    "lite": LITE,
    "lite, weight 2": LITE | {"style_weight": 2},
    "lite, wasserstein": LITE | {"style_loss": "wasserstein", "style_weight": 6},
    "lite, from noise": LITE | {"init": "noise"},
    "vgg19": VGG,
    "vgg19, weight 100": VGG | {"style_weight": 100},
    "vgg19, wasserstein": VGG | {"style_loss": "wasserstein", "style_weight": 6},
    "vgg19, average pooling": VGG | {"pooling": "average"},
    "vgg19, sliced": VGG | {"style_loss": "sliced"},
}
#: Metrics of the style, which disagreements.jpg compares with the style error.
STYLE_METRICS = ("relaxed_emd", "sliced_wasserstein", "portilla_simoncelli", "e_statistic")


def measure(name: str, content: str, style: str, place: Path, size: int, by: ReferenceNetwork) -> dict[str, float]:
    """Stylize and evaluate one image."""
    pictures = [read_picture(path, long_side=size).pixels for path in (content, style)]
    settings = make({"size": size} | CANDIDATES[name])
    state = weights.load(settings.network)[0]
    *_, finished = stylize(Transfer(pictures[0], [pictures[1]], settings), state=state, device="cpu")
    write_picture(place, finished.pixels)
    found = evaluate(finished.pixels, pictures[0], [pictures[1]], by=by, device="cpu").as_dict()
    return {metric: value for metric, value in found.items() if isinstance(value, float)}


def losses(table: pd.DataFrame) -> pd.DataFrame:
    """The metrics of the table, with the sign with which lower is better."""
    table = table.assign(score=table["content_error"] + STYLE_FACTOR * table["style_error"])
    known = [name for name in RANKED if name in table]
    return table[known] * [-1 if RANKED[name].higher_is_better else 1 for name in known]


def correlations(table: pd.DataFrame) -> pd.DataFrame:
    """The matrix of the module's docstring."""
    values = losses(table)
    whole = values.corr("spearman")
    inner = sum(values[table["pair"] == pair].corr("spearman") for pair in table["pair"].unique())
    inner = inner / table["pair"].nunique()
    return whole.where([[column < row for column in range(len(whole))] for row in range(len(whole))], inner)


def disagreement(table: pd.DataFrame, metric: str) -> tuple[int, int]:
    """The rows of two images of one pair: the first is far better by the style error, the second by the metric."""
    ranks = losses(table)[["style_error", metric]].groupby(table["pair"]).rank()
    found = []
    for _, group in ranks.groupby(table["pair"]):
        for a, b in itertools.permutations(group.index, 2):
            apart = group.loc[b] - group.loc[a]
            found.append((min(apart["style_error"], -apart[metric]), -float(abs(apart.sum())), a, b))
    return max(found)[2:]


def draw(table: pd.DataFrame, out: Path) -> None:
    """Draw disagreements.jpg."""
    ranks = losses(table).groupby(table["pair"]).rank(method="min")
    rows = []
    for metric in (name for name in STYLE_METRICS if name in table):
        two = disagreement(table, metric)
        first = table.loc[two[0]]
        rows.append([Cell(first["content"], "content"), Cell(first["style"], "style")])
        for i in two:
            line = table.loc[i]
            count = (table["pair"] == line["pair"]).sum()
            shown = [f"{RANKED[name].label} {ranks.loc[i, name]:.0f} of {count}" for name in ("style_error", metric)]
            rows[-1].append(Cell(line["image"], line["candidate"], ", ".join(shown)))
    heads = ["preferred by the style error", "preferred by the other metric"]
    draw_sheet(Layout("Disagreements", "", rows, inputs=(0, 2), heads=heads), out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contents", nargs="+", default=CONTENTS)
    parser.add_argument("--styles", nargs="+", default=STYLES)
    parser.add_argument("--candidates", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES))
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 is torch's default")
    parser.add_argument("--print", action="store_true", help="stylize nothing")
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    arguments.work.mkdir(parents=True, exist_ok=True)
    kept, by = arguments.work / "results.jsonl", ReferenceNetwork.load()
    known = {json.loads(line)["image"] for line in kept.read_text().splitlines()} if kept.exists() else set()
    chosen = itertools.product(arguments.contents, arguments.styles, arguments.candidates)
    for content, style, name in () if arguments.print else chosen:
        pair = f"{Path(content).stem} × {Path(style).stem}"
        place = arguments.work / f"{pair}, {name}, {arguments.size}.png".replace(" ", "_")
        if str(place) in known:
            continue
        line = {"pair": pair, "candidate": name, "content": content, "style": style, "image": str(place)}
        line |= measure(name, content, style, place, arguments.size, by)
        print(json.dumps(line), flush=True)
        with kept.open("a") as file:
            file.write(json.dumps(line) + "\n")
    table = pd.DataFrame(map(json.loads, kept.read_text().splitlines()))
    if table.groupby("pair").size().min() < 3:
        return
    print(f"\n{len(table)} images of {table['pair'].nunique()} pairs\n")
    print(correlations(table).round(2).to_string())
    draw(table, arguments.work / "disagreements.jpg")


if __name__ == "__main__":
    main()
