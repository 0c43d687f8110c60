"""Paths within a results folder. Other modules and the workflow take these names from here. Standard library only.

grid.csv                      the grid: one row for each pair
ratings.csv                   the stars that a person gives to pairs
pairs/CONTENT/STYLE/SETTINGS  the image and its record: run.json, losses.csv, animation.gif, snapshots/
sheets  plots  tables  gallery
bundles  weights              markers of finished bundles, and records of downloaded weights
inputs                        copies of the images that are given as URLs
logs/stylize/ID.log           the log of each pair
benchmarks                    Snakemake's measurements of each job, named as its log
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
#: Files of a results folder.
GRID, RATINGS = "grid.csv", "ratings.csv"
TABLE, GALLERY = "tables/comparison.html", "gallery/index.html"
#: Folders of a results folder.
SHEETS, PLOTS, TABLES, GALLERY_FOLDER = "sheets", "plots", "tables", "gallery"
SNAPSHOT_SHEETS, LOSS_PLOTS = f"{SHEETS}/{SNAPSHOTS}", f"{PLOTS}/losses"
PAIRS, BUNDLES, WEIGHTS, DOWNLOADS = "pairs", "bundles", "weights", "inputs"
LOGS, BENCHMARKS, WORK = "logs", "benchmarks", ".work"
#: Unfinished work of the gallery.
GALLERY_WORK = f"{WORK}/.gallery"


def pair_folder(results: str | Path, pair: str) -> str:
    """The folder of a pair's image and record."""
    return f"{results}/{PAIRS}/{pair}"


def pairs_folder(results: str | Path) -> Path:
    """The folder of all pairs."""
    return Path(results, PAIRS)


def work_folder(results: str | Path, pair: str) -> Path:
    """The folder of a pair's unfinished work."""
    return Path(results, WORK, pair)


def bundle_marker(results: str | Path, bundle: str) -> str:
    """The file that is written when all pairs of a bundle are stylized."""
    return f"{results}/{BUNDLES}/{bundle}.json"


def log_file(results: str | Path, kind: str, name: str) -> Path:
    """The log of a job; `name` is a pair's id for `stylize` and `video`, a group's name for `sheets` and `plots`."""
    return Path(results, LOGS, kind, f"{name}.log")


def benchmark_file(results: str | Path, kind: str, name: str) -> Path:
    """Snakemake's measurements of a job, named as for `log_file`."""
    return Path(results, BENCHMARKS, kind, f"{name}.tsv")
