"""The gallery as a person uses it, from the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nst.images.animation import animate
from nst.summaries.gallery import write_gallery
from nst.summaries.ratings import write_rating
from nst.summaries.records import read_records
from nst.summaries.tables import write_tables
from synthetic import REFERENCE, write_results

HOSTILE = "<img src=x onerror=alert(1)>"
CONTENTS, STYLES = ["lake", "portrait", HOSTILE], ["wave", "swirls", "cubism", "glass"]
SETTINGS = {f"w{w}": {"style_weight": w, "size": 256} for w in (1, 10, 100)}
WIDE, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> Path:
    """Of 3 × 4 × 3 pairs: the first with an animation and snapshots, the last without a picture."""
    root = tmp_path_factory.mktemp("results")
    grid = write_results(root, CONTENTS, STYLES, SETTINGS, size=(1920, 1440))
    records = read_records(grid)
    first, last = Path(records["folder"][0]), Path(records["folder"].iloc[-1])
    frames = [Image.new("RGB", (48, 36), (i * 40, 90, 120)) for i in range(4)]
    frames[0].save(first / "animation.gif", save_all=True, append_images=frames[1:], duration=80)
    frames[0].save(Path(records["folder"][1]) / "animation.gif", save_all=True, append_images=frames[1:], duration=80)
    kept = Path(records["folder"][1]) / "snapshots/frames"
    kept.mkdir(parents=True)
    for i, frame in enumerate(frames):
        frame.save(kept / f"{i:06d}.jpg")
    animate(kept, kept.parents[1] / "animation.mp4", frame_rate=12.5, end_pause=1)
    (first / "snapshots").mkdir()
    for i, frame in enumerate(frames[:3], 1):
        frame.save(first / f"snapshots/{50 * i:06d}.png")
    (last / "run.json").unlink()
    log = root / "logs/stylize" / f"{records['id'].iloc[-1]}.log"
    log.parent.mkdir(parents=True)
    log.write_text("nst: glass.jpg: is no image; give a PNG\n")
    return write_gallery(read_records(grid, "style_error"), grid, root / "gallery")


@pytest.fixture
def visit(browser, gallery) -> Iterator[Callable[..., Any]]:
    """Opens a page of the gallery; whatever the page complains of fails the test."""
    complaints: list[str] = []
    pages = []

    def go(address: str = "", size: dict[str, int] = WIDE, page: Path = gallery, **options: Any) -> Any:
        context = browser.new_context(viewport=size, **options)
        opened = context.new_page()
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
        opened.goto(f"{page.as_uri()}{address}")
        opened.wait_for_selector("main > *")
        pages.append(context)
        return opened

    yield go
    for context in pages:
        context.close()
    assert complaints == []


def pair(page: Any, content: str, style: str, weight: int) -> Any:
    return page.locator(f'main [data-id="{content}/{style}/w{weight}"]')


def shown(page: Any) -> int:
    return page.locator("main .tile").count()


def loaded(page: Any, images: str) -> bool:
    """Whether every image of a selector is really there."""
    ready = "all => all.length > 0 && all.every(image => image.complete && image.naturalWidth > 0)"
    page.wait_for_function(f"selector => ({ready})([...document.querySelectorAll(selector)])", arg=images)
    return True


def test_it_opens_with_everything_in_it(visit):
    page = visit()
    assert page.locator("thead th").all_inner_texts() == STYLES
    assert page.locator("tbody th").all_inner_texts() == CONTENTS
    assert shown(page) == 36
    assert page.locator("#count").inner_text() == "36 pairs"
    assert "35 images" in page.locator("#about").inner_text()
    assert "1 without an image" in page.locator("#about").inner_text()
    assert loaded(page, "main td img")
    assert page.locator(".tile.gone").inner_text().split("\n") == ["no image", "glass.jpg: is no image; give a PNG"]


def test_the_overview_names_what_varies_of_each_picture(visit):
    page = visit()
    captions = page.locator("main td:has([data-id='lake/wave/w1']) figcaption")
    assert captions.all_inner_texts() == ["1", "10", "100"]
    assert page.get_by_text("below each image: style_weight").is_visible()
    hints = pair(page, "lake", "wave", 10).get_attribute("title").split("\n")
    assert hints[:3] == ["lake × wave", "style_weight 10", "network vgg19"]


def test_a_weight_that_was_found_is_told_wherever_a_picture_is_named(visit, tmp_path):
    grid = write_results(tmp_path / "results", ["lake"], ["wave"], {"a": {"style_weight": "auto"}})
    record = Path(read_records(grid)["folder"][0], "run.json")
    record.write_text(record.read_text().replace('"iterations_run"', '"style_weight": 5.30712, "iterations_run"'))
    page = visit("", page=write_gallery(read_records(grid), grid, tmp_path / "gallery"))
    assert page.locator("main figcaption").inner_text() == "auto (5.31)"
    page.locator("main .tile").click()
    page.get_by_role("heading", name="Reproduce").wait_for()
    assert "style_weight auto (5.31)" in page.locator("#pair").inner_text().replace("\n", " ")


def test_filters_narrow_it_down_and_the_address_keeps_them(visit):
    page = visit()
    page.get_by_label("content", exact=True).select_option("lake")
    assert shown(page) == 12
    page.get_by_label("style_weight", exact=True).select_option("10")
    assert shown(page) == 4
    page.get_by_role("searchbox").fill("swirls")
    page.wait_for_function("() => document.querySelectorAll('main .tile').length === 1")
    again = visit("#" + page.url.partition("#")[2])
    assert shown(again) == 1
    assert again.get_by_role("searchbox").input_value() == "swirls"
    again.get_by_role("button", name="Show all").click()
    assert shown(again) == 36
    again.get_by_label("best of each").check()
    assert shown(again) == 12
    again.get_by_role("searchbox").fill("there is no such thing")
    again.get_by_text("No pair matches the filters.").wait_for()


def test_pictures_are_sorted_by_any_metric(visit):
    page = visit("#view=images")
    captions = page.locator("main figcaption")
    assert captions.count() == 36
    page.get_by_label("sort by").select_option("style_error")
    errors = [float(text.split(" · ")[-2].removeprefix("style ")) for text in captions.all_inner_texts()[:35]]
    assert errors == sorted(errors)
    page.get_by_role("button", name="Reverse the order").click()
    # What is new is drawn in the next frame; until then it has no text.
    page.wait_for_function("() => document.querySelector('main figcaption').innerText.includes('style_weight 1 ')")
    assert "sort=style_error" in page.url
    assert "down=1" in page.url
    assert captions.last.inner_text().startswith(HOSTILE)  # what is not measured stays last


def test_rated_pictures_show_their_stars_and_are_sorted_by_them(visit, tmp_path):
    assert "rating" not in visit("#view=images").get_by_label("sort by").inner_text()  # nothing is rated there
    grid = write_results(tmp_path / "results", ["lake"], ["wave", "swirls"], SETTINGS)
    for name, stars in (("lake/wave/w1", 2), ("lake/swirls/w10", 5), ("lake/swirls/w100", 4)):
        write_rating(grid.parent, name, stars)
    page = visit("#view=images", page=write_gallery(read_records(grid), grid, tmp_path / "gallery"))
    page.get_by_label("sort by").select_option("rating")
    tiles = page.locator("main .tile")
    order = ["lake/swirls/w10", "lake/swirls/w100", "lake/wave/w1", "lake/wave/w10", "lake/wave/w100", "lake/swirls/w1"]
    assert [tile.get_attribute("data-id") for tile in tiles.all()] == order
    stars = page.locator("main figcaption").get_by_role("img")
    assert stars.all_inner_texts() == ["★★★★★", "★★★★☆", "★★☆☆☆"]
    assert stars.nth(1).get_attribute("aria-label") == "4 of 5 stars"
    page.get_by_role("button", name="Reverse the order").click()
    assert [tile.get_attribute("data-id") for tile in tiles.all()] == [*order[2::-1], *order[3:]]
    tiles.nth(1).click()
    dialog = page.locator("dialog#pair")
    assert dialog.locator("dd").first.inner_text() == "★★★★☆"
    dialog.get_by_role("button", name="Next image").click()
    dialog.get_by_role("button", name="Next image").click()
    assert "rating" not in dialog.locator(".side dl").first.inner_text()  # this one has none
    overview = visit(page=tmp_path / "gallery/index.html")
    captions = [text.replace("\xa0", " ") for text in overview.locator("main td figcaption").all_inner_texts()]
    assert captions == ["1 ★★☆☆☆", "10", "100", "1", "10 ★★★★★", "100 ★★★★☆"]


def test_one_pair_wiped_played_and_stepped_through(visit):
    page = visit()
    pair(page, "lake", "wave", 1).click()
    dialog = page.locator("dialog#pair")
    assert dialog.get_by_role("heading", level=2).inner_text() == "lake × wave style_weight 1"
    assert loaded(page, "dialog .stage img")
    dialog.get_by_role("button", name="Wipe").click()
    wipe = dialog.get_by_label("Wipe from the content to the result")
    assert wipe.evaluate("range => getComputedStyle(range.parentElement).getPropertyValue('--wipe')") == "50%"
    box, picture = wipe.bounding_box(), dialog.locator("img.over").bounding_box()
    assert box == picture  # no part of the slider is beside the image
    assert box["width"] / box["height"] == pytest.approx(480 / 360, rel=0.01)
    page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    assert 20 < float(wipe.input_value()) < 30
    wipe.press("ArrowRight")
    assert (
        dialog.locator("img.over")
        .evaluate("image => getComputedStyle(image).clipPath")
        .startswith("inset(0px 0px 0px 2")
    )
    dialog.get_by_role("button", name="Animation").click()
    assert dialog.locator(".stage img").get_attribute("src").endswith("animation.gif")
    assert loaded(page, "dialog .stage img")
    dialog.get_by_role("button", name="Iterations").click()
    assert dialog.locator(".stage img").get_attribute("src").endswith("snapshot-000150.png")
    step = dialog.get_by_label("Iteration", exact=True)
    step.focus()
    page.keyboard.press("Home")
    assert dialog.locator(".stage img").get_attribute("src").endswith("snapshot-000050.png")
    page.keyboard.press("ArrowRight")
    assert dialog.locator(".stage img").get_attribute("alt") == "lake × wave after 100 iterations"
    page.keyboard.press("End")
    assert dialog.get_by_text("iteration 150").count() == 1
    box = step.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    for share in (0.7, 0.4, 0.02):  # dragged, not clicked
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
    page.mouse.up()
    assert dialog.locator(".stage img").get_attribute("src").endswith("snapshot-000050.png")
    for name, part in (("Content", "inputs/"), ("Style", "inputs/"), ("Result", "large.webp")):
        dialog.get_by_role("button", name=name, exact=True).click()
        assert part in dialog.locator(".stage img").get_attribute("src")
        assert loaded(page, "dialog .stage img")


def test_a_video_plays_where_there_is_one(visit):
    page = visit("#pair=lake/wave/w10")
    page.get_by_role("button", name="Animation").click()
    page.wait_for_function("() => document.querySelector('dialog video').currentTime > 0")
    assert page.locator("dialog video").get_attribute("src").endswith("animation.mp4")
    page.locator("dialog video").focus()
    page.keyboard.press("ArrowRight")  # seeks
    assert page.locator("#pair-title").inner_text() == "lake × wave style_weight 10"


def test_nothing_moves_by_itself_where_that_is_not_wanted(visit):
    page = visit("#pair=lake/wave/w1", reduced_motion="reduce")
    page.get_by_role("button", name="Animation").click()
    assert page.locator("dialog .stage img").get_attribute("src").endswith("large.webp")
    page.get_by_role("button", name="Play").click()
    assert page.locator("dialog .stage img").get_attribute("src").endswith("animation.gif")
    assert page.evaluate("document.activeElement.dataset.role") == "motion"
    page.get_by_role("button", name="Next image").click()
    video = page.locator("dialog video")
    video.wait_for()
    assert video.evaluate("video => video.paused && !video.autoplay")


def test_details_that_do_not_come_are_reported_and_asked_for_again(visit, tmp_path):
    grid = write_results(tmp_path, ["lake"], ["wave"], {"plain": {}})
    page = visit(page=write_gallery(read_records(grid), grid, tmp_path / "gallery"))
    [file] = tmp_path.glob("gallery/pairs/*/pair.js")
    details = file.read_text()
    file.write_text("")  # not deleted: that would be a message in the console, which fails the test
    page.locator("main .tile").click()
    side, message = page.locator("dialog .side"), "The details of this image could not be loaded."
    side.get_by_text(message).wait_for()
    assert "loading" not in side.inner_text()
    assert page.locator("#pair").get_by_role("status").inner_text() == message
    file.write_text(details)
    side.get_by_role("button", name="Try again").click()
    side.locator(".chart").wait_for()


def test_one_pair_tells_all_about_itself(visit, gallery):
    page = visit()
    pair(page, "portrait", "swirls", 10).click()
    side = page.get_by_role("region", name="About this image")
    side.locator(".chart").wait_for()
    told = side.inner_text()
    for text in ("style error", "content error", "nst reproduce ", "style_weight", "a CPU", "48 × 36 px"):
        assert text in told
    total = side.get_by_role("button", name="total")
    before = total.inner_text()
    plot = side.locator(".chart svg").first
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 40)
    assert side.get_by_role("button", name="total").inner_text() != before
    curves = plot.locator("path").count()
    side.get_by_role("button", name="style:conv3_1").click()
    assert side.locator(".chart svg").first.locator("path").count() == curves + 1
    links = side.get_by_role("link")
    assert links.all_inner_texts() == ["image.png", "losses.csv", "run.json"]
    for link in links.all():
        assert (gallery.parent / str(link.get_attribute("href"))).is_file()


def test_settings_that_were_changed_come_first(visit):
    page = visit()
    pair(page, "lake", "wave", 10).click()
    side = page.get_by_role("region", name="About this image")
    headings, lists = side.get_by_role("heading"), side.locator("dl")
    side.locator(".chart").wait_for()
    assert headings.all_inner_texts()[-2:] == ["Result", "Settings"]
    result = ["image size", "48 × 36 px", "device", "a CPU", "arithmetic", "fp32"]
    assert lists.nth(2).inner_text().split("\n") == result
    assert lists.nth(3).inner_text().split("\n") == ["style_weight", "10", "size", "256"]
    assert not side.get_by_text("pooling").is_visible()
    side.get_by_text("others have their defaults").click()
    assert side.get_by_text("pooling").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.locator("#pair-title").inner_text() == "lake × wave style_weight 100"
    side.get_by_text("pooling").wait_for()  # for this one, too


def test_links_lead_to_the_tables_beside_it(visit, tmp_path):
    grid = write_results(tmp_path / "results", ["lake"], ["wave"], SETTINGS)
    write_tables(read_records(grid), tmp_path / "results/tables")
    made = write_gallery(read_records(grid), grid, tmp_path / "results/gallery")
    page = visit(page=made)
    page.get_by_text("tables · 2").click()
    assert page.get_by_role("link", name="style_weight").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("link", name="style_weight").is_visible()
    page.get_by_text("tables · 2").click()
    page.get_by_role("link", name="style_weight").click()
    page.get_by_role("heading", name="Effect of style_weight").wait_for()
    shutil.copytree(made.parent, tmp_path / "copy")
    context = visit(page=made).context
    alone = context.new_page()  # whose missing image is no complaint
    alone.goto((tmp_path / "copy/index.html").as_uri())
    alone.locator("main .tile").first.wait_for()
    alone.wait_for_timeout(300)
    assert alone.locator("#beside *").count() == 0


def test_keys_lead_from_picture_to_picture_and_back(visit):
    page = visit()
    pair(page, "lake", "wave", 1).focus()
    page.keyboard.press("Enter")
    heading = page.locator("#pair-title")
    page.keyboard.press("ArrowRight")
    assert heading.inner_text() == "lake × wave style_weight 10"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert heading.inner_text() == "lake × wave style_weight 1"
    address = page.url
    page.keyboard.press("Escape")
    assert not page.locator("dialog#pair").is_visible()
    assert page.evaluate("document.activeElement.dataset.id") == "lake/wave/w1"
    shared = visit("#" + address.partition("#")[2])
    assert shared.locator("#pair-title").inner_text() == "lake × wave style_weight 1"


def test_the_way_back_keeps_what_was_picked(visit):
    page = visit()
    pair(page, "lake", "cubism", 10).click()
    page.locator("dialog [data-role=pick]").click()
    page.locator("dialog .toast").get_by_text("Add another image, too.").wait_for()
    page.go_back()
    page.locator("dialog#pair:not([open])").wait_for(state="hidden")
    assert page.locator(".picked").count() == 1
    assert "compare=lake" in page.url


def test_the_way_back_closes_a_picture(visit):
    page = visit()
    pair(page, "lake", "cubism", 10).click()
    page.locator("dialog#pair[open]").wait_for()
    page.go_back()
    page.locator("dialog#pair:not([open])").wait_for(state="hidden")
    assert shown(page) == 36
    page.get_by_role("button", name="Images").click()
    page.evaluate("scrollTo(0, 700)")
    tile = page.locator("main .tile").nth(20)
    tile.click()
    before = page.evaluate("scrollY")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Close").click()
    page.locator("dialog#pair").wait_for(state="hidden")
    assert page.evaluate("scrollY") == before > 0
    assert page.evaluate("history.length") < 6  # looking on leaves no trail of images


def test_a_pair_without_a_picture_has_a_page_too(visit):
    page = visit()
    page.locator(".tile.gone").click()
    assert page.locator("dialog .why").inner_text().split("\n")[-1] == "glass.jpg: is no image; give a PNG"
    assert page.locator("#pair-title").inner_text().startswith(HOSTILE)
    page.keyboard.press("ArrowLeft")
    assert loaded(page, "dialog .stage img")


def test_a_sweep_goes_along_its_setting(visit):
    page = visit("#view=sweeps")
    assert page.locator(".sweep").count() == 12
    first = page.locator(".sweep").first
    assert [text.split("\n")[0] for text in first.locator("figcaption").all_inner_texts()] == [
        "style_weight 1", "style_weight 10", "style_weight 100"
    ]  # fmt: skip
    page.get_by_label("style", exact=True).select_option("glass")
    assert page.locator(".sweep").count() == 3
    page.get_by_label("style_weight", exact=True).select_option("10")
    page.get_by_text("No pair here has several values of style_weight.").wait_for()


def test_many_settings_stand_in_a_list_of_their_own(visit, tmp_path):
    basis = {"style_weight": 1, "size": 256, "iterations": 100, "seed": 0, "tv_weight": 0, "frame_interval": 9}
    other = {"style_weight": 2, "size": 512, "iterations": 200, "seed": 1, "tv_weight": 1e-3, "frame_interval": 5}
    settings = {"first": basis} | {f"other-{name}": basis | {name: value} for name, value in other.items()}
    grid = write_results(tmp_path, ["lake"], ["wave"], settings | {"seeds": basis | {"seed": 2}})
    place = write_gallery(read_records(grid), grid, tmp_path / "gallery")
    page = visit("#view=images", WIDE, place)
    assert "other-seed · style " in page.locator("main").inner_text()  # not five values
    assert not page.get_by_label("seed", exact=True).is_visible()
    page.get_by_text("settings · 5").click()  # frames make no other image
    page.get_by_label("seed", exact=True).focus()
    page.get_by_label("seed", exact=True).select_option("1")
    assert shown(page) == 1
    assert page.get_by_label("seed", exact=True).is_visible()  # for another choice
    assert page.evaluate("document.activeElement.ariaLabel") == "seed"
    page.keyboard.press("Escape")
    assert not page.get_by_label("seed", exact=True).is_visible()
    page.get_by_text("settings · 1 chosen").wait_for()
    page.get_by_role("button", name="Show all").click()
    assert shown(page) == 8
    page.get_by_role("button", name="Sweeps").click()
    assert page.get_by_label("along", exact=True).input_value() == "seed"  # the one with most images
    edges = page.locator(".sweep .edges").bounding_box()
    assert edges["width"] > 100


def test_errors_are_points_that_are_pictures(visit):
    page = visit("#view=front")
    points = page.locator(".scatter .point")
    assert points.count() == 35
    points.nth(3).focus()
    page.keyboard.press("Enter")
    page.locator("dialog#pair[open]").wait_for()
    page.keyboard.press("Escape")


def test_the_pareto_front_leaves_out_what_is_worse_in_both_errors(visit, tmp_path):
    grid = write_results(tmp_path, ["lake"], ["wave"], SETTINGS)
    file = tmp_path / "pairs/0/0/1/run.json"
    record = json.loads(file.read_text())
    record["metrics"] |= {"style_error": 0.9, "content_error": 0.9}
    file.write_text(json.dumps(record))
    page = visit("#view=front", page=write_gallery(read_records(grid), grid, tmp_path / "gallery"))
    assert page.locator(".scatter .point").count() == 3
    page.get_by_role("checkbox", name="Pareto front").check()
    page.locator(".scatter .point").nth(2).wait_for(state="detached")
    assert page.locator(".scatter .point").count() == 2


def test_errors_of_different_judges_are_not_mixed(visit, tmp_path):
    grid = write_results(tmp_path, ["lake"], ["wave", "glass"], SETTINGS)
    for place in ("0/0/0", "0/1/2"):
        file = tmp_path / "pairs" / place / "run.json"
        file.write_text(file.read_text().replace(REFERENCE, "lite:1234abcd"))
    made = write_gallery(read_records(grid), grid, tmp_path / "gallery")
    page = visit("#view=front", page=made)
    assert page.locator(".scatter .point").count() == 4
    references = page.get_by_label("reference", exact=True)
    assert references.input_value() == REFERENCE
    references.select_option("lite:1234abcd")
    assert page.locator(".scatter .point").count() == 2
    page.get_by_role("button", name="Images", exact=True).click()
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("sort by").select_option("style_error")
    captions = page.locator("main figcaption").all_text_contents()
    assert [text.rpartition(" by ")[2] for text in captions] == [REFERENCE] * 4 + ["lite:1234abcd"] * 2
    page.locator("main .tile").first.click()
    assert page.locator("dialog .side").inner_text().count(REFERENCE) == 1


def test_a_picture_that_keeps_the_contents_colors_says_why_it_has_no_rank(visit, tmp_path):
    settings = {"plain": {}, "kept": {"color": "luminance"}, "strong": {"style_weight": 60, "pooling": "average"}}
    grid = write_results(tmp_path, ["lake"], ["wave"], settings)
    page = visit("", page=write_gallery(read_records(grid), grid, tmp_path / "gallery"))
    assert page.locator(".tile .badge").all_inner_texts() == ["★"]
    assert "content error + 16 × style error" in page.locator("label", has_text="best of each").get_attribute("title")
    page.locator('main [data-id="lake/wave/kept"]').click()
    side = page.locator("dialog .side").inner_text()
    assert "Not ranked: keeps the content's colors" in side
    assert "rank" not in side.partition("Not ranked")[0]
    page.keyboard.press("Escape")
    page.locator('main [data-id="lake/wave/strong"]').click()
    assert "Not ranked" not in page.locator("dialog .side").inner_text()


def test_a_small_grid_is_not_blown_up(visit, tmp_path):
    grid = write_results(tmp_path, ["lake"], ["wave"], {"plain": {}}, size=(900, 1200))
    page = visit("", {"width": 1920, "height": 1080}, write_gallery(read_records(grid), grid, tmp_path / "gallery"))
    assert page.locator("main .tile img").bounding_box()["height"] <= 460


def test_pictures_are_compared_in_step(visit):
    page = visit()
    for weight in (1, 10, 100):
        pair(page, "lake", "wave", weight).click()
        page.locator("dialog [data-role=pick]").click()
        page.keyboard.press("Escape")
    tray = page.get_by_role("complementary", name="Selected images")
    tray.get_by_role("button", name="Compare", exact=True).click()
    panels = page.locator(".panel")
    assert panels.count() == 3
    assert loaded(page, ".panel img")
    box = panels.first.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.wheel(0, -300)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 140)
    page.mouse.up()
    seen = page.locator(".panel img").evaluate_all("all => all.map(image => getComputedStyle(image).transform)")
    assert len(set(seen)) == 1
    assert seen[0] != "matrix(1, 0, 0, 1, 0, 0)"
    before = [float(number) for number in seen[0].removeprefix("matrix(").removesuffix(")").split(",")][4:]
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 145)
    page.mouse.up()
    after = panels.first.locator("img").evaluate("image => getComputedStyle(image).transform")
    moved = [float(number) for number in after.removeprefix("matrix(").removesuffix(")").split(",")][4:]
    assert [round(b - a) for a, b in zip(before, moved, strict=True)] == [-10, 5]
    for image in page.locator(".panel img").all():  # looked at closely: the image itself
        assert image.get_attribute("src").endswith("/image.png")
    assert loaded(page, ".panel img")
    shared = visit("#" + page.url.partition("#")[2])
    assert shared.locator(".panel").count() == 3
    shared.keyboard.press("Escape")
    assert not shared.locator("dialog#compare").is_visible()
    shared.locator(".picked").first.click()
    assert shared.locator(".picked").count() == 2


def test_what_is_compared_is_marked_and_can_be_cleared(visit):
    page = visit()
    pick = page.locator("dialog [data-role=pick]")
    for weight in (1, 10):
        pair(page, "lake", "wave", weight).click()
        assert pick.inner_text() == "Add to comparison"
        pick.click()
        assert pick.inner_text() == "✓ Added"
        page.keyboard.press("Escape")
    added = page.locator("main .tile.added")
    assert [tile.get_attribute("data-id") for tile in added.all()] == ["lake/wave/w1", "lake/wave/w10"]
    assert added.first.get_by_label("added to the comparison").is_visible()
    page.get_by_role("button", name="Images", exact=True).click()
    assert added.count() == 2  # also what is drawn later
    page.get_by_role("button", name="Remove lake × wave, style_weight 1", exact=True).get_by_text("✕").click()
    assert added.count() == 1
    page.get_by_role("button", name="Clear", exact=True).click()
    assert added.count() == 0
    assert not page.locator("#tray").is_visible()
    assert "compare" not in page.url


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_captions_cover_no_compared_image(visit, size):
    chosen = "&".join(f"compare=lake/{pair}" for pair in ("wave/w1", "swirls/w10", "cubism/w100"))
    page = visit(f"#open=1&{chosen}", size)
    assert loaded(page, ".panel img")
    sights = [box.bounding_box() for box in page.locator(".sight").all()]
    captions = [box.bounding_box() for box in page.locator(".panel figcaption").all()]
    for sight, caption in zip(sights, captions, strict=True):
        assert caption["y"] >= sight["y"] + sight["height"]
        assert caption["y"] + caption["height"] <= size["height"]
    assert len({(round(sight["width"]), round(sight["height"])) for sight in sights}) == 1  # one scale for all
    assert page.get_by_text("Zoom with the wheel").is_visible() == (size is WIDE)


def test_a_phone_shows_two_styles_and_tiles_that_can_be_seen(visit):
    page = visit("", PHONE, has_touch=True, is_mobile=True)
    tiles = [tile.bounding_box() for tile in page.locator("main tr:first-child .tile").all()]
    assert min(tile["width"] for tile in tiles) >= 90
    assert sum(tile["x"] + tile["width"] <= PHONE["width"] for tile in tiles) == 6  # two styles, three weights
    page.get_by_role("button", name="Sweeps").tap()
    edges, image = page.locator(".edges").first.bounding_box(), page.locator("main .tile").first.bounding_box()
    assert edges["y"] + edges["height"] <= image["y"]


@pytest.mark.parametrize("address", ["", "#view=images", "#view=sweeps", "#view=front"])
def test_on_a_phone_nothing_is_wider_than_the_screen(visit, address):
    page = visit(address, PHONE, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if address != "#view=front":
        page.locator("main .tile").nth(1).tap()
        assert page.locator("dialog .pair").evaluate("pair => pair.scrollWidth") <= 390
        assert loaded(page, "dialog .stage img")


@pytest.mark.parametrize(("width", "height"), [(667, 375), (320, 568)])
def test_a_small_screen_has_all_about_a_picture(visit, width, height):
    page = visit("#pair=lake/wave/w1", {"width": width, "height": height})
    page.locator(".side .chart").wait_for(state="attached")
    dialog, side = page.locator("#pair"), page.locator("dialog .side")
    assert side.bounding_box()["height"] > 1000  # nothing scrolls within it
    assert dialog.evaluate("dialog => dialog.scrollHeight > dialog.clientHeight + 1000")
    last = side.get_by_text("have their defaults")
    last.scroll_into_view_if_needed()
    assert last.bounding_box()["y"] < height


def test_a_column_is_no_taller_than_the_screen(visit, tmp_path):
    grid = write_results(tmp_path, ["lake"], ["wave"], {"plain": {}}, size=(16, 320))
    made = write_gallery(read_records(grid), grid, tmp_path / "gallery")
    for view in ("overview", "images"):
        picture = visit(f"#view={view}", page=made).locator("main .tile img")
        assert picture.bounding_box()["height"] <= 480
        assert picture.evaluate("image => getComputedStyle(image).objectFit") == "contain"


@pytest.mark.parametrize("view", ["overview", "sweeps"])
def test_of_very_many_in_one_place_the_first_are_shown(visit, tmp_path, view):
    grid = write_results(tmp_path, ["lake"], ["wave"], {f"w{w}": {"style_weight": w} for w in range(1, 71)})
    page = visit(f"#view={view}", page=write_gallery(read_records(grid), grid, tmp_path / "gallery"))
    assert shown(page) == 60
    page.get_by_role("button", name="Show all 70").press("Enter")
    assert shown(page) == 70
    assert page.evaluate("document.activeElement.dataset.id") == "lake/wave/w61"


def test_a_swipe_goes_on(visit):
    page = visit("", PHONE, has_touch=True, is_mobile=True)
    page.locator("main .tile").first.tap()
    page.locator("dialog .stage").evaluate(
        """stage => { for (const [type, x] of [["pointerdown", 300], ["pointerup", 80]])
             stage.dispatchEvent(new PointerEvent(type, {clientX: x, clientY: 200, bubbles: true})); }"""
    )
    assert page.locator("#pair-title").inner_text() == "lake × wave style_weight 10"


def test_a_hostile_name_is_just_a_name(visit):
    page = visit("#view=images&content=" + HOSTILE.replace("<", "%3C").replace(">", "%3E"))
    assert shown(page) == 12
    assert page.locator("main figcaption b").first.inner_text() == f"{HOSTILE} × wave"
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["", "#view=images", "#view=sweeps", "#view=front", "#pair=lake/wave/w1"])
def test_everybody_can_use_it(visit, address, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page = visit(address, color_scheme=scheme)
    page.wait_for_timeout(300)
    found = axe.Axe().run(page).response["violations"]
    serious = [(f["id"], f["nodes"][0]["html"]) for f in found if f["impact"] in ("serious", "critical")]
    assert serious == []


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """Of 2,000 pairs."""
    root = tmp_path_factory.mktemp("large")
    settings = {f"w{w}": {"style_weight": w} for w in (1, 3, 10, 30)}
    contents, styles = [f"content{i}" for i in range(20)], [f"style{i}" for i in range(25)]
    grid = write_results(root, contents, styles, settings, size=(160, 120))
    return write_gallery(read_records(grid), grid, root / "gallery")


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_the_styles_stay_in_sight_above_a_tall_grid(visit, large, size):
    page = visit("", size, large)
    heads = page.locator(".heads")
    assert not heads.is_visible()
    page.evaluate("scrollTo(0, 2500)")
    heads.wait_for()
    bar, row = page.locator(".bar").bounding_box(), heads.bounding_box()
    assert row["y"] == pytest.approx(max(0, bar["y"] + bar["height"]), abs=1)
    page.locator(".matrix").evaluate("box => { box.scrollLeft = 600; }")
    page.wait_for_function(
        "() => document.querySelector('.heads').scrollLeft === document.querySelector('.matrix').scrollLeft"
    )
    for style in (6, 8):
        column = page.locator("thead th").nth(style).bounding_box()
        head = heads.locator("span").nth(style + 1).bounding_box()
        assert head["x"] + head["width"] / 2 == pytest.approx(column["x"] + column["width"] / 2, abs=3)
    page.get_by_role("button", name="Images").click()
    assert page.locator(".heads").count() == 0


def test_thousands_of_errors_can_be_walked_through(visit, large):
    page = visit("#view=front", WIDE, large)
    assert page.locator(".point").count() == 2000
    assert page.locator(".point.front path").count() == page.locator(".point.front").count() > 0
    page.locator(".point[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    style = page.evaluate("getComputedStyle(document.activeElement.querySelector('circle, path')).strokeWidth")
    assert style == "3px"


def test_a_large_screen_is_filled(visit, large):
    page = visit("#view=images", {"width": 3840, "height": 2160}, large)
    page.wait_for_function("() => document.documentElement.scrollHeight > 3200")
    while (before := shown(page)) <= 600:
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_function(f"() => document.querySelectorAll('main .tile').length > {before}")


@pytest.mark.slow
def test_2000_pairs_are_there_and_can_be_searched(visit, large):
    page = visit("", WIDE, large)
    assert page.locator("#count").inner_text() == "2000 pairs"
    spent = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    print(f"ready after {spent:.0f} ms")
    page.get_by_role("searchbox").fill("content7 style24")
    page.wait_for_function("() => document.querySelectorAll('main .tile').length === 4")
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("button", name="Images").click()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function("() => document.querySelectorAll('main .tile').length > 100")
