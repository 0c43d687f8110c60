"""A results tree as a run leaves it, made without stylizing anything."""

from __future__ import annotations

import csv
import json
import math
from itertools import product
from pathlib import Path
from typing import Any

from PIL import Image

from nst.settings import fields, make, text

REFERENCE = "vgg19:2564d98a"


def color(i: int, j: int, k: int) -> tuple[int, int, int]:
    """The flat color of content i stylized in style j with settings k."""
    return (40 + 50 * i) % 256, (60 + 45 * j) % 256, (30 + 60 * k) % 256


def write_results(
    root: Path,
    contents: list[str],
    styles: list[str],
    settings: dict[str, dict[str, Any]],
    *,
    size: tuple[int, int] = (48, 36),
) -> Path:
    """Write every pair of contents × styles × settings below `root`; the path of the grid.csv."""
    inputs = root / "inputs"
    content_paths = [_picture(inputs / f"c{i}.png", (48, 36), (0, 0, 40 * i + 15)) for i in range(len(contents))]
    style_paths = [_picture(inputs / f"s{j}.png", (30, 40), (0, 40 * j + 15, 0)) for j in range(len(styles))]
    lines = []
    for (i, c), (j, s), (k, (name, values)) in product(*map(enumerate, (contents, styles, settings.items()))):
        folder = root / "pairs" / f"{i}" / f"{j}" / f"{k}"
        image = _picture(folder / "image.png", size, color(i, j, k))
        resolved = {key: text(value) for key, value in make(values)}
        lines.append(
            {
                "id": f"{c}/{s}/{name}",
                "content": content_paths[i],
                "style": style_paths[j],
                "content_name": c,
                "style_name": s,
                "settings_name": name,
                "row": "2",
                "folder": str(folder),
                "image": image,
                **resolved,
            }
        )
        (folder / "run.json").write_text(json.dumps(run(lines[-1]["id"], resolved, *errors(i, j, k))))
        write_losses(folder / "losses.csv", errors(i, j, k)[0])
    path = root / "grid.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*list(lines[0])[:9], *fields()])
        writer.writeheader()
        writer.writerows(lines)
    return path


def errors(i: int, j: int, k: int) -> tuple[float, float]:
    """(style_error, content_error) of a pair: each setting brings more style and less content."""
    return 0.3 / (1 + k) + 0.01 * j, 0.1 * (1 + k) ** 1.2 + 0.02 * i


def run(pair: str, settings: dict[str, str], style_error: float, content_error: float) -> dict[str, Any]:
    """What run.json holds."""
    layers = {f"conv{block}_1": style_error * block / 3 for block in range(1, 6)}
    return {
        "id": pair,
        "nst": "0.1.0",
        "algorithm": 1,
        "settings": settings,
        "device": "cpu",
        "device_name": "a CPU",
        "output": {"path": "image.png", "width": 48, "height": 36, "bits": 8},
        "precision": "fp32",
        "iterations_run": 200,
        "best_iteration": 198,
        "seconds": {"optimize": 1.5, "total": 2.25},
        "peak_memory_mb": 512.5,
        "losses": {
            "content": content_error,
            "style": style_error / 3,
            "tv": 0.0,
            "total": content_error + style_error,
        },
        "metrics": {
            "reference": REFERENCE,
            "style_error": style_error,
            "content_error": content_error,
            "ssim": 0.7,
            "relaxed_emd": 0.2 + style_error / 2,
            "sliced_wasserstein": style_error / 4,
            "portilla_simoncelli": 0.1 + content_error / 10,
            "e_statistic": -3 - style_error,
            "self_similarity": content_error / 5,
            "layers": layers,
        },
    }


def write_losses(path: Path, style_error: float, iterations: int = 200) -> None:
    """Curves that fall as an optimization's do."""
    layers = [f"style:conv{block}_1" for block in range(1, 6)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["iteration", "content", "style", "tv", "total", "seconds", "content:conv4_2", *layers])
        for n in range(iterations):
            content = 0.3 * (1 - math.exp(-n / 15)) + 0.01
            parts = [(0.1 + block) * math.exp(-n / (6 + 4 * block)) + style_error * block / 5 for block in range(1, 6)]
            style = sum(parts) / 5
            writer.writerow([n, content, style, 0.0, content + 10 * style, n * 0.1, content, *parts])


def _picture(path: Path, size: tuple[int, int], fill: tuple[int, int, int]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, fill).save(path)
    return str(path)
