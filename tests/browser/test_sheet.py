"""A contact sheet as a page: an animation shows where its image is pointed at, and takes no room of its own."""

from pathlib import Path

from PIL import Image

from nst.summaries.records import read_records
from nst.summaries.sheets import all_sheets
from synthetic import write_results


def test_an_animation_lies_over_its_image_and_a_click_opens_the_image(browser, tmp_path):
    grid = write_results(tmp_path, ["cat"], ["wave"], {f"w{w}": {"style_weight": w} for w in (1, 4, 16)})
    records = read_records(grid)
    frames = [Image.new("RGB", (48, 36), (i * 60, 90, 120)) for i in range(4)]
    for folder in records["folder"]:
        frames[0].save(Path(folder, "animation.gif"), save_all=True, append_images=frames[1:], duration=80)
    [page] = [path for path in all_sheets(read_records(grid), tmp_path / "sheets") if path.suffix == ".html"]
    opened = browser.new_page(viewport={"width": 1400, "height": 700})
    opened.goto(page.as_uri())
    cell, animation = opened.locator(".pictures:has(.clip)").first, opened.locator(".clip picture").first
    image = cell.locator("a:not(.clip) img")
    assert animation.evaluate("each => getComputedStyle(each).opacity") == "0"
    assert animation.bounding_box() == image.bounding_box()
    cell.hover()
    assert animation.evaluate("each => getComputedStyle(each).opacity") == "1"
    image.click(position={"x": 24, "y": 5})
    assert opened.url == Path(records["image"][0]).absolute().as_uri()
    opened.go_back()
    opened.locator(".clip span").first.click()
    assert opened.url.endswith("animation.gif")
    opened.close()
