"""What the gallery of a large grid costs: to make it, to make it again, to open it, to scroll through it.

    python tests/benchmarks/gallery.py --pairs 10000
    python tests/benchmarks/gallery.py --pairs 2000 --browse

The images are the repository's own, 512 px, one at thousands of places. A line of JSON each: seconds and peak MB of
    new       nst gallery over as many run records
    again     the same when all is there
    one       the same when one image has changed
and with --browse, in Debian's Chromium without a screen, milliseconds for each view until
    listed    it says how many pairs there are
    seen      every image in the window is there
and of the frames while it is scrolled by a screen a second, for the first time and once more: the median, the 95th
percentile and the longest.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
from grid import REPOSITORY

from cluster import measured
from nst.images import read_picture, write_picture

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
from synthetic import write_results

VIEWS = ("overview", "pictures", "sweeps", "front")
WINDOW = {"width": 1400, "height": 900}

SEEN = """() => document.getElementById("count").textContent &&
  [...document.querySelectorAll("main img")].filter(image => {
  const box = image.getBoundingClientRect();
  return box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
}).every(image => image.complete && image.naturalWidth > 0) && performance.now()"""

SCROLL = """() => new Promise(resolve => {
  const frames = []; let before = performance.now();
  const step = now => {
    frames.push(now - before); scrollBy(0, now - before); before = now;
    if (frames.length < 240 && scrollY + innerHeight < document.documentElement.scrollHeight - 2) requestAnimationFrame(step);
    else resolve(frames.slice(2).sort((a, b) => a - b));
  };
  requestAnimationFrame(step);
})"""  # noqa: E501


def write_grid(folder: Path, pairs: int) -> tuple[Path, list[Path]]:
    """A results tree of contents × styles × two weights; its grid.csv and its pictures."""
    side = math.isqrt(pairs // 2)
    names = [f"{i:03}" for i in range(side)]
    grid = write_results(folder, names, names, {f"w{w}": {"style_weight": w} for w in (5, 20)})
    sources = sorted((REPOSITORY / "data").glob("*/*.jpg"))
    models = []
    for source in sources:
        models.append(folder / f"{source.stem}.png")
        write_picture(models[-1], read_picture(source, long_side=512).pixels)
    images = [Path(path) for path in pd.read_csv(grid, usecols=["image"])["image"]]
    for number, image in enumerate(images):
        image.unlink()
        os.link(models[number % len(models)], image)
    return grid, images


def parts(frames: list[float]) -> dict[str, int]:
    """What is told of the lengths of frames, sorted."""
    at = {"median": 0.5, "p95": 0.95, "longest": 1}
    return {name: round(frames[min(int(len(frames) * part), len(frames) - 1)]) for name, part in at.items() if frames}


def browse(page_path: Path, pairs: int) -> None:
    """Open each view as somebody does who has not been there before."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        program = shutil.which("chromium") or sys.exit("--browse needs Chromium: apt install chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for view in VIEWS:
            page = browser.new_context(viewport=WINDOW).new_page()
            page.add_init_script(
                "new MutationObserver((_, observer) => { const count = document.getElementById('count');"
                " if (count && count.textContent) { window.listed = performance.now(); observer.disconnect(); } })"
                ".observe(document, {childList: true, subtree: true, characterData: true})"
            )
            page.goto(f"{page_path.as_uri()}#view={view}", wait_until="commit")
            seen = page.wait_for_function(SEEN).json_value()
            listed = page.evaluate("window.listed")
            report = {"view": view, "pairs": pairs, "listed": round(listed), "seen": round(seen)}
            for time in ("first", "again"):
                page.evaluate("scrollTo(0, 0)")
                page.wait_for_timeout(500)
                report[time] = parts(page.evaluate(SCROLL))
            print(json.dumps(report), flush=True)
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2000, help="rounded down to twice a square")
    parser.add_argument("--browse", action="store_true", help="open it in Chromium")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grid, images = write_grid(folder / "results", arguments.pairs)
        command = [sys.executable, "-m", "nst", "gallery", str(grid), "-o", "gallery", "--work", "work"]
        measured("new", folder, *command, pairs=len(images))
        measured("reproduce", folder, *command, pairs=len(images))
        images[0].unlink()
        shutil.copyfile(images[1], images[0])
        measured("one", folder, *command, pairs=len(images))
        if arguments.browse:
            browse(folder / "gallery/index.html", len(images))


if __name__ == "__main__":
    main()
