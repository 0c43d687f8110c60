"""Render the README's figure of the gallery: the demo's overview, and one pair in the wipe comparison.

    make demo && python docs/scripts/gallery.py

Needs Chromium, and Playwright from the extra `test`.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs/pictures"
GALLERY = ROOT / "results/gallery/index.html"
WINDOW = {"width": 1280, "height": 860}
#: URL fragment and color scheme of each screenshot.
VIEWS = (("", "light"), ("#pair=lake/wave/weight%2Bstyle_weight%3D60", "dark"))
GAP = 24


def main() -> None:
    shots = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for fragment, scheme in VIEWS:
            page = browser.new_context(viewport=WINDOW, color_scheme=scheme).new_page()
            page.goto(GALLERY.as_uri() + fragment)
            if fragment:
                page.get_by_role("button", name="Wipe").click()
                page.locator("dialog .chart").wait_for()
            page.wait_for_load_state("networkidle")
            shots.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
        browser.close()
    width, height = shots[0].size
    picture = Image.new("RGB", (2 * width + GAP, height), "white")
    for number, shot in enumerate(shots):
        picture.paste(shot, (number * (width + GAP), 0))
    smaller = (picture.width * 2 // 3, picture.height * 2 // 3)
    picture.resize(smaller, Image.Resampling.LANCZOS).save(PICTURES / "gallery.jpg", quality=84, optimize=True)


if __name__ == "__main__":
    main()
