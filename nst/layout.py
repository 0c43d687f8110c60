"""Where each file of a results folder is: the only place that spells their names. Standard library only.

grid.csv                      the grid: a row for each pair
pairs/CONTENT/STYLE/SETTINGS  the image and its record: run.json, losses.csv, animation.gif, snapshots/
sheets  plots  tables  gallery
logs/stylize/ID.log           what each pair has logged
.work/CONTENT/STYLE/SETTINGS  unfinished work
"""

from __future__ import annotations

from pathlib import Path

#: Files in the folder of a pair's record; RUN is written last.
RUN, LOSSES, ANIMATION, VIDEO = "run.json", "losses.csv", "animation.gif", "animation.mp4"
#: In the same folder: the snapshots, among them the frames of the animation and the trained network.
SNAPSHOTS, FRAMES, NETWORK = "snapshots", "snapshots/frames", "snapshots/network.safetensors"
#: Formats that a grid's images have.
IMAGES = ("image.png", "image.jpg", "image.tif")
#: In a folder of unfinished work: its mark, and the last checkpoint.
MARK, CHECKPOINT = ".nst-work", "checkpoint.pt"
#: Below a results folder.
TABLE, GALLERY = "tables/comparison.html", "gallery/index.html"
#: Pictures of the manifest that were fetched from URLs.
DOWNLOADS = "inputs"


def pair_folder(results: str | Path, pair: str) -> str:
    """The folder of a pair's image and record."""
    return f"{results}/pairs/{pair}"


def pairs_folder(results: str | Path) -> Path:
    """The folder below which all pairs are."""
    return Path(results, "pairs")


def work_folder(results: str | Path, pair: str) -> Path:
    """The folder of a pair's unfinished work."""
    return Path(results, ".work", pair)


def log_file(results: str | Path, kind: str, name: str) -> Path:
    """The log of a job: of `stylize` and `video` by pair, of `sheets` and `plots` by group."""
    return Path(results, "logs", kind, f"{name}.log")
