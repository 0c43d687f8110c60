"""Render the figures of docs/how-to/troubleshooting.md: each problem, and the same pair with its fix.

    python docs/scripts/troubleshooting.py [NAME...]

VGG-19's weights come with the installation.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from nst import weights
from nst.engine.stylization import Transfer, stylize
from nst.images import faces, read_picture
from nst.settings import make

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs/pictures"
SIZE, GAP = 300, 8


@dataclass(frozen=True)
class Case:
    """A pair of images, with settings that cause a problem and settings that fix it."""

    content: str
    style: str
    problem: dict[str, Any]
    fix: dict[str, Any] = field(default_factory=dict)


CASES = {
    "too-little": Case("harbour", "swirls", {"style_weight": 0.3}, {"style_weight": 20}),
    "too-much": Case("portrait", "stained_glass", {"style_weight": 300}, {"style_weight": 2}),
    "strokes": Case("harbour", "stained_glass", {}, {"style_scale": 2}),
    "grain": Case("harbour", "wave", {"init": "noise", "noise": 0.5, "iterations": 60}, {"iterations": 60}),
    "gray": Case("portrait", "cubism", {"init": "noise", "iterations": 15}, {"init": "content", "iterations": 200}),
    "colors": Case("lake", "stained_glass", {}, {"color": "luminance"}),
    "faces": Case("portrait", "cubism", {}, {"protect": "faces"}),
    "everywhere": Case("portrait", "swirls", {}, {"content_mask": "mask"}),
    "draft": Case("street", "pointillism", {"network": "lite"}),
}


def mask(shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask, dark over the portrait's face with a soft edge; H×W×3 in 0..1."""
    height, width = shape[:2]
    image = Image.new("L", (width, height), 255)
    box = (0.28 * width, 0.13 * height, 0.72 * width, 0.72 * height)
    ImageDraw.Draw(image).ellipse(box, fill=0)
    soft = np.asarray(image.resize((24, 24)).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    return np.repeat(soft[..., None], 3, axis=2)


def render(case: Case, values: dict[str, Any], network: str) -> Image.Image:
    settings = make({"network": network, "iterations": 200, "size": SIZE} | values)
    pictures = ROOT / "data"
    content = read_picture(pictures / f"content/{case.content}.jpg", long_side=SIZE).pixels
    style = read_picture(pictures / f"style/{case.style}.jpg", long_side=round(SIZE * settings.style_scale)).pixels
    masks = {"content_mask": mask(content.shape)} if settings.content_mask else {}
    if settings.protect:
        masks["protection"] = faces.coverage(faces.find(content), content.shape[:2])
    *_, finished = stylize(Transfer(content, [style], settings, **masks), state=weights.load(settings.network)[0])
    return Image.fromarray(np.rint(finished.pixels * 255).astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(CASES))
    parser.add_argument("--network", choices=["vgg19", "lite"], default="vgg19")
    arguments = parser.parse_args()
    for name in arguments.names:
        case = CASES[name]
        before, after = (render(case, values, arguments.network) for values in (case.problem, case.fix))
        strip = Image.new("RGB", (2 * before.width + GAP, before.height), "white")
        strip.paste(before, (0, 0))
        strip.paste(after, (before.width + GAP, 0))
        path = PICTURES / "troubleshooting" / f"{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        strip.save(path, quality=88)
        print(path, flush=True)


if __name__ == "__main__":
    main()
