"""Paths within a results folder. No other module spells these names. Standard library only.

grid.csv                      the grid: one row for each pair
ratings.csv                   the stars that a person gives to pairs
pairs/CONTENT/STYLE/SETTINGS  the image and its record: run.json, losses.csv, animation.gif, snapshots/
sheets  plots  tables  gallery
logs/stylize/ID.log           the log of each pair
.work/CONTENT/STYLE/SETTINGS  unfinished work
"""

from __future__ import annotations

from pathlib import Path

#: Files in the folder of a pair's record; RUN is written last.
RUN, LOSSES, ANIMATION, VIDEO = "run.json", "losses.csv", "animation.gif", "animation.mp4"
#: In the same folder: the snapshots, among them the frames of the animation and the trained network.
SNAPSHOTS, FRAMES, NETWORK = "snapshots", "snapshots/frames", "snapshots/network.safetensors"
#: File names of a grid's images.
IMAGES = ("image.png", "image.jpg", "image.tif")
#: In a work folder: the file that marks it as one, and the last checkpoint.
MARK, CHECKPOINT = ".nst-work", "checkpoint.pt"
#: Below a results folder.
GRID, RATINGS = "grid.csv", "ratings.csv"
TABLE, GALLERY = "tables/comparison.html", "gallery/index.html"
#: Images of the manifest that were fetched from URLs.
DOWNLOADS = "inputs"


def pair_folder(results: str | Path, pair: str) -> str:
    """The folder of a pair's image and record."""
    return f"{results}/pairs/{pair}"


def pairs_folder(results: str | Path) -> Path:
    """The folder of all pairs."""
    return Path(results, "pairs")


def work_folder(results: str | Path, pair: str) -> Path:
    """The folder of a pair's unfinished work."""
    return Path(results, ".work", pair)


def log_file(results: str | Path, kind: str, name: str) -> Path:
    """The log of a job; `name` is a pair's id for `stylize` and `video`, a group's name for `sheets` and `plots`."""
    return Path(results, "logs", kind, f"{name}.log")
