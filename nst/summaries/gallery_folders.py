"""The folder of one pair, or of one input, in a gallery: images in two sizes, and the data of the pair's page.

A folder is written atomically, and again only if one of its sources has changed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import shlex
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst import layout
from nst.errors import NstError
from nst.summaries.pages import viewable
from nst.summaries.records import mapping, number, value_at

#: Version of the folders' format. Folders of another version are written again.
FORMAT = 2
#: (Long side in px, WebP quality) of the two sizes of each image.
LARGE, SMALL = (1600, 86), (320, 78)
#: Maximum points of a loss curve.
POINTS = 240

#: The file in a folder that records its sources.
MADE = "made.json"


@dataclass(frozen=True)
class GalleryFolder:
    """A folder of the gallery, and its sources: an image and, for a pair, the folder of its record."""

    picture: Path
    path: Path
    record: Path | None = None

    @property
    def originals(self) -> list[Path]:
        """The files that are linked unchanged."""
        if self.record is None:
            return []
        names = (layout.ANIMATION, layout.VIDEO, layout.LOSSES, layout.RUN)
        return [path for path in (self.picture, *(self.record / name for name in names)) if path.is_file()]

    @property
    def snapshots(self) -> list[Path]:
        """The snapshots that a browser can display; without snapshots, the frames."""
        if self.record is None:
            return []
        snapshots = [path for path in (self.record / layout.SNAPSHOTS).glob("*.*") if path.suffix in (".png", ".jpg")]
        paths = snapshots or (self.record / layout.FRAMES).glob("*.jpg")
        return sorted(path for path in paths if path.stem.isdigit())

    @property
    def stamp(self) -> list[Any]:
        """Changes whenever one of the sources changes."""
        files = [self.picture, *self.originals, *self.snapshots]
        times = [(path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files]
        return [FORMAT, str(self.picture), *map(list, times)]

    def data(self) -> dict[str, Any] | None:
        """The data of the folder; None if the folder must be written."""
        try:
            data: dict[str, Any] = json.loads((self.path / MADE).read_text())
        except (OSError, ValueError):
            return None
        return data if data["stamp"] == self.stamp else None


def key_of(text: str) -> str:
    """A file name for any text: the first digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def rounded(number: float) -> float | None:
    """A number with five significant digits; None if it is missing or not finite."""
    return float(f"{number:.5g}") if math.isfinite(number) else None


def update_folders(folders: Sequence[GalleryFolder], processes: int) -> dict[Path, dict[str, Any]]:
    """Write the folders that are missing or outdated; returns the data of each."""
    data = {folder.path: folder.data() for folder in folders}
    missing = [folder for folder in folders if data[folder.path] is None]
    count = min(processes or os.cpu_count() or 1, len(missing) // 4)  # a process costs more than four folders
    if count > 1:
        with ProcessPoolExecutor(count) as pool:
            written = list(pool.map(_write_folder, missing, chunksize=4))
    else:
        written = list(map(_write_folder, missing))
    present = {path: each for path, each in data.items() if each is not None}
    return present | {folder.path: each for folder, each in zip(missing, written, strict=True)}


def _write_folder(folder: GalleryFolder) -> dict[str, Any]:
    """Write a folder; returns its data.

    That is `stamp`; `width` and `height` of the small image, if the image can be read; and for a pair `moves`, whether
    it has an animation, and `whole`, the name of the image if it is larger than its large copy.
    """
    from nst.images import picture_size

    fresh = folder.path.with_name(f".{folder.path.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    data: dict[str, Any] = {"stamp": folder.stamp} | _write_sizes(folder.picture, fresh)
    if folder.record is not None and "width" in data:
        _write_pair(folder, folder.record, fresh)
        data["moves"] = (fresh / layout.ANIMATION).exists()
        if viewable(str(folder.picture)) == str(folder.picture) and max(picture_size(folder.picture)) > LARGE[0]:
            data["whole"] = folder.picture.name
    (fresh / MADE).write_text(json.dumps(data))
    if folder.path.exists():
        shutil.rmtree(folder.path)
    fresh.rename(folder.path)
    return data


def _write_sizes(source: Path, folder: Path) -> dict[str, int]:
    """Write an image in two sizes; returns width and height of the small one, or {} if it cannot be read."""
    from nst.images import picture_size, read_picture, write_picture
    from nst.images.resizing import resize_with_alpha, target_shape

    try:
        side = max(picture_size(source))
        large = read_picture(source, long_side=min(side, LARGE[0]))
    except NstError:
        return {}
    height, width = target_shape(large.pixels.shape[:2], min(side, SMALL[0]))
    small = resize_with_alpha(large.pixels, large.alpha, (height, width))
    for name, (pixels, alpha), quality in (
        ("large", (large.pixels, large.alpha), LARGE[1]),
        ("small", small, SMALL[1]),
    ):
        write_picture(folder / f"{name}.webp", pixels, alpha=alpha, quality=quality)
    return {"width": width, "height": height}


def _write_pair(folder: GalleryFolder, record: Path, fresh: Path) -> None:
    """Link the pair's files and write the data of its page."""
    for path in folder.originals:
        link(path, fresh / path.name)
    for path in folder.snapshots:
        link(path, fresh / f"snapshot-{path.name}")
    run = json.loads((record / layout.RUN).read_bytes())
    warnings = value_at(run, ("warnings",))
    shown = {
        "files": [path.name for path in folder.originals],
        "snapshots": [(int(path.stem), f"snapshot-{path.name}") for path in folder.snapshots],
        "losses": curves(record / layout.LOSSES),
        "layers": {name: rounded(number(value)) for name, value in mapping(run, "metrics", "layers").items()},
        "settings": {
            name: value if _is_plain(value) else str(value) for name, value in mapping(run, "settings").items()
        },
        "size": [rounded(number(value_at(run, ("output", name)))) for name in ("width", "height")],
        "device": str(value_at(run, ("device_name",)) or ""),
        "precision": str(value_at(run, ("precision",)) or ""),
        "warnings": [str(warning) for warning in warnings] if isinstance(warnings, list) else [],
        "reproduce": f"nst reproduce {shlex.quote(str(folder.picture))} -o again{folder.picture.suffix}",
    }
    text = f"gallery.pair({script(folder.path.name)}, {script(shown)});\n"
    (fresh / "pair.js").write_text(text, encoding="utf-8")


def _is_plain(value: Any) -> bool:
    return isinstance(value, (int, str)) or (isinstance(value, float) and math.isfinite(value))


def link(source: str | Path, target: str | Path) -> None:
    """Hard-link a file, or copy it to another file system."""
    try:
        os.link(Path(source).resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def curves(path: Path) -> dict[str, list[float | None]]:
    """The columns of losses.csv, subsampled to POINTS rows."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        step = max(1, math.ceil(len(rows) / POINTS))
        sampled = [*rows[:-1:step], *rows[-1:]]
        return {name: [rounded(float(row[name])) for row in sampled] for name in sampled[0] if name != "seconds"}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def script(value: Any) -> str:
    """A value as JavaScript that is safe inside of HTML."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.encode("utf-8", "replace").decode()  # lone surrogates cannot be encoded
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
