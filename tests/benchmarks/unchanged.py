"""Whether a change of the code changes pixels: all kinds of settings, recorded before and compared after it.

    python tests/benchmarks/unchanged.py record FOLDER
    python tests/benchmarks/unchanged.py compare FOLDER

Each case is stylized in fp32 and in bf16 from the images in data/, on one thread, at 80 px: pixels and every loss of
every iteration must be equal bit for bit. Use one machine, and one version of torch, for both.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

from nst import weights
from nst.engine.stylization import Finished, Transfer, stylize
from nst.images import read_picture
from nst.settings import make

DATA = Path(__file__).resolve().parents[2] / "data"
SIDE, ITERATIONS = 80, 12

#: Settings of each case; `styles` and `alpha` are no settings, but what it is stylized from.
CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "lite": {"network": "lite"},
    "covariance": {"style_loss": "covariance"},
    "wasserstein": {"style_loss": "wasserstein", "network": "lite"},
    "paper": {"normalization": "paper", "content_weight": 1e-3, "style_weight": 10, "tv_weight": 1e-3},
    "mean": {"normalization": "mean", "style_weight": 1e6, "pooling": "average"},
    "sum": {"normalization": "sum", "style_weight": 1e3, "pooling": "l2"},
    "adam": {"optimizer": "adam", "learning_rate_decay": 0.5},
    "adam-average": {"optimizer": "adam", "ema_decay": 0.9, "normalize_gradients": "yes", "pixel_range": "rescale"},
    "noise": {"init": "noise", "noise": 0.5, "seed": 3, "pixel_range": "clip"},
    "black-noise": {"init": "black+noise", "padding": "replicate"},
    "content-noise": {"init": "content+noise", "layer_output": "conv"},
    "style-init": {"init": "style", "fit": "square"},
    "luminance": {"color": "luminance", "init": "content+noise"},
    "histogram": {"color": "histogram"},
    "tiles": {"tile": 32, "network": "lite"},
    "tiles-covariance": {"tile": 32, "style_loss": "covariance", "normalization": "relative", "tv_weight": 0.5},
    "mask": {"content_mask": "mask"},
    "regions-tiles": {"content_mask": "mask", "styles": 2, "tile": 48},
    "blend": {"styles": 3, "style_layers": "conv1_1:0.5+conv3_1", "content_layers": "conv3_1+conv4_2:2"},
    "style-mask": {"style_mask": "mask"},
    "alpha": {"alpha": True},
    "scales": {"scales": 3},
    "auto": {"style_weight": "auto"},
    "network": {"parameters": "network", "optimizer": "adam"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["record", "compare"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", nargs="*", default=list(CASES), metavar="CASE")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    different = 0
    for name in arguments.cases:
        for precision in ("fp32", "bf16"):
            file = arguments.folder / f"{name}-{precision}.npz"
            found = stylized(CASES[name], precision)
            if arguments.task == "record":
                np.savez(file, **found)
                continue
            with np.load(file) as before:
                same = {key: np.array_equal(before[key], value, equal_nan=True) for key, value in found.items()}
            different += not all(same.values())
            print(f"{name:18} {precision}  {'equal' if all(same.values()) else f'DIFFERENT: {same}'}", flush=True)
    if different:
        raise SystemExit(f"{different} cases differ")


def stylized(case: dict[str, Any], precision: str) -> dict[str, np.ndarray]:
    """The pixels of a case and its losses, (iterations, losses)."""
    values = {name: value for name, value in case.items() if name not in ("styles", "alpha")}
    settings = make({"size": SIDE, "iterations": ITERATIONS, "precision": precision} | values)
    content = _picture("content/lake.jpg", SIDE)
    styles = [_picture(f"style/{name}.jpg", SIDE) for name in ("wave", "swirls", "cubism")[: case.get("styles", 1)]]
    ramp = np.linspace(0.2, 1, content.shape[1], dtype=np.float32) * np.ones(content.shape[:2], np.float32)
    events = stylize(
        Transfer(
            content,
            styles,
            settings,
            blend=[1.0, 0.5, 0.25][: len(styles)],
            content_mask=np.stack([ramp] * 3, 2) if settings.content_mask else None,
            style_mask=np.stack([ramp] * 3, 2) if settings.style_mask else None,
            alpha=1.25 * (ramp - 0.2) if case.get("alpha") else None,
        ),
        state=weights.load(settings.network)[0],
        device="cpu",
        threads=1,
    )
    losses = []
    for event in events:
        if isinstance(event, Finished):
            return {"pixels": event.pixels, "losses": np.array(losses)}
        losses.append(list(event.losses.values()))
    raise AssertionError("the stylization did not end")


def _picture(name: str, side: int) -> np.ndarray:
    return read_picture(DATA / name, long_side=side).pixels


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
