"""Large images: time and memory by size, and what tiles change.

    python tests/benchmarks/large.py --sizes 1024 2048 4096 --networks lite --work FOLDER
    python tests/benchmarks/large.py --compare 2048 --networks lite --iterations 20 --work FOLDER

Each image is stylized by `nst stylize` in a process of its own. With --sizes a line of JSON an image: megapixels,
seconds, and the megabytes at the peak, in all and a megapixel. With --compare one size is stylized in tiles and in one
piece, and their difference, 32 times as strong around gray, is written to difference-NETWORK.png: a seam would show as
a line at the edges of the tiles. Printed: the mean difference of neighboring pixels across those edges, over that
within the tiles, of the image in tiles and of the difference; 1 means that nothing gives the edges away.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from nst.images import read_picture
from nst.losses import tiling

DATA = Path(__file__).parents[2] / "data"
STRENGTH = 32


def stylize_pair(arguments: argparse.Namespace, network: str, size: int, tile: int) -> tuple[dict, Path]:
    """The image's measures, and the picture."""
    out = arguments.work / f"{network}-{size}-{tile}-{arguments.iterations}.png"
    record = out.with_suffix("")
    values = {"network": network, "size": size, "tile": tile, "iterations": arguments.iterations, "frame_interval": 0}
    flags = [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    if not out.exists():
        pair = [str(arguments.content), str(arguments.style)]
        command = [sys.executable, "-m", "nst", "stylize", *pair, "-o", str(out), "--record", str(record), *flags]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    run = json.loads((record / "run.json").read_text())
    megapixels = run["output"]["width"] * run["output"]["height"] / 1e6
    line = {"network": network, "size": size, "tile": tile, "megapixels": megapixels, "precision": run["precision"]}
    line |= {"iterations": run["iterations_run"], "seconds": run["seconds"]["optimize"]}
    return line | {
        "seconds_targets": run["seconds"]["targets"],
        "peak_memory_mb": run["peak_memory_mb"],
        "peak_memory_mb_per_megapixel": run["peak_memory_mb"] / megapixels,
    }, out


def edges_over_inside(pixels: np.ndarray, tile: int) -> float:
    """The mean step between neighbors across the tiles' edges over that between all others."""
    across, inside = [], []
    for axis in (0, 1):
        steps = np.abs(np.diff(pixels, axis=axis))
        starts = [start for start, _ in tiling._spans(pixels.shape[axis], tile)]
        at_edge = np.isin(np.arange(1, pixels.shape[axis]), starts)
        across.append(np.compress(at_edge, steps, axis=axis).ravel())
        inside.append(np.compress(~at_edge, steps, axis=axis).ravel())
    return float(np.concatenate(across).mean() / np.concatenate(inside).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--content", type=Path, default=DATA / "content/lake.jpg")
    parser.add_argument("--style", type=Path, default=DATA / "style/swirls.jpg")
    parser.add_argument("--sizes", nargs="*", type=int, default=[])
    parser.add_argument("--compare", type=int)
    parser.add_argument("--networks", nargs="+", choices=["lite", "vgg19"], default=["lite"])
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for network in arguments.networks:
        for size in arguments.sizes:
            print(json.dumps(stylize_pair(arguments, network, size, arguments.tile)[0]), flush=True)
        if arguments.compare:
            (whole, one), (tiled, many) = (
                stylize_pair(arguments, network, arguments.compare, t) for t in (0, arguments.tile)
            )
            a, b = read_picture(one).pixels, read_picture(many).pixels
            shown = np.clip(0.5 + STRENGTH * (b - a), 0, 1)
            Image.fromarray(np.rint(255 * shown).astype(np.uint8)).save(arguments.work / f"difference-{network}.png")
            line = {"mean_difference": float(np.abs(b - a).mean()), "largest_difference": float(np.abs(b - a).max())}
            line |= {"edges_over_inside": edges_over_inside(b, arguments.tile)}
            line |= {"edges_over_inside_of_difference": edges_over_inside(b - a, arguments.tile)}
            print(json.dumps({"whole": whole, "tiled": tiled} | line, indent=1), flush=True)


if __name__ == "__main__":
    main()
