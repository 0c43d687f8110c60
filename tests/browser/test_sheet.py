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


def test_a_label_is_on_its_image_also_in_a_wider_column(browser, tmp_path):
    grid = write_results(tmp_path, ["cat", "dog"], ["wave"], {"a": {}}, size=(300, 200))
    for width, image in zip((300, 120), read_records(grid)["image"], strict=True):
        frame = Image.new("RGB", (width, 200), (90, 60, 120))
        frame.save(image)
        animation = Path(image).with_name("animation.gif")
        frame.save(animation, save_all=True, append_images=[Image.new("RGB", frame.size)], duration=80)
    [page] = [path for path in all_sheets(read_records(grid), tmp_path / "sheets") if path.suffix == ".html"]
    opened = browser.new_page(viewport={"width": 1400, "height": 700})
    opened.goto(page.as_uri())
    for cell in opened.locator(".pictures:has(.clip)").all():
        image, label = cell.locator("a:not(.clip) img").bounding_box(), cell.locator(".clip span").bounding_box()
        assert image["x"] <= label["x"]
        assert label["x"] + label["width"] <= image["x"] + image["width"]
    opened.close()
