"""What helps against grain: images from strong noise and from the content, with each remedy.

    python tests/benchmarks/grain.py --contents C... --styles S... --work FOLDER

Grain is the root mean square of what a Gaussian of σ = 1 px takes out of the luminance, in levels of 255. Images
that are in the work folder already are not stylized again.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from statistics import fmean

import numpy as np
from scipy.ndimage import gaussian_filter

from nst import weights
from nst.engine.stylization import Transfer, stylize
from nst.images import read_picture, write_picture
from nst.metrics import luminance
from nst.settings import make

DATA = Path(__file__).parents[2] / "data"
NOISE = {"init": "noise", "noise": 0.5}
CANDIDATES: dict[str, dict[str, object]] = {
    "noise": NOISE,
    "noise-tv0.1": NOISE | {"tv_weight": 0.1},
    "noise-tv3": NOISE | {"tv_weight": 3},
    "noise-avg": NOISE | {"pooling": "average"},
    "content": {},
    "tv3": {"tv_weight": 3},
    "avg": {"pooling": "average"},
}


def grain(pixels: np.ndarray) -> float:
    """Of (H, W, 3) pixels in 0..1."""
    luma = luminance(pixels).astype(np.float64)
    return float(255 * np.sqrt(np.square(luma - gaussian_filter(luma, 1)).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contents", nargs="+", default=[str(DATA / "content/harbour.jpg")])
    parser.add_argument("--styles", nargs="+", default=[str(DATA / "style/wave.jpg")])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("--network", choices=["vgg19", "lite"], default="vgg19")
    parser.add_argument("--candidates", nargs="+", choices=list(CANDIDATES), default=list(CANDIDATES))
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    state = weights.load(arguments.network)[0]
    pairs = list(itertools.product(arguments.contents, arguments.styles))
    for path in dict.fromkeys(itertools.chain(*pairs)):
        print(f"{Path(path).stem:24} {grain(read_picture(path, long_side=arguments.size).pixels):5.1f}")
    for name in arguments.candidates:
        found = []
        for content, style in pairs:
            run = f"{arguments.size}-{arguments.iterations}-{arguments.network}"
            path = arguments.work / f"{Path(content).stem}--{Path(style).stem}--{run}--{name}.png"
            if not path.exists():
                base = {"network": arguments.network, "iterations": arguments.iterations}
                pictures = [read_picture(picture, long_side=arguments.size).pixels for picture in (content, style)]
                settings = make(base | CANDIDATES[name])
                *_, finished = stylize(Transfer(pictures[0], [pictures[1]], settings), state=state)
                write_picture(path, finished.pixels)
            found.append(grain(read_picture(path).pixels))
        print(f"{name:24} {fmean(found):5.1f}   {' '.join(f'{value:.1f}' for value in found)}", flush=True)


if __name__ == "__main__":
    main()
