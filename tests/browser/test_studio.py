"""The studio as people use it: real Chromium, real `nst studio`, real Snakemake, a real S3 API server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY / "data"
#: Milliseconds within which a small run ends, also on a busy machine.
RUN = 240_000
PHONE, WIDE = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


class Server:
    """`nst studio` on a folder; `start` it again after `stop`."""

    def __init__(self, folder: Path, *options: str, **environment: str):
        self.folder, self.options, self.environment = folder, options, environment
        self.port = "0"
        self.start()

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "nst",
            "studio",
            "--results",
            str(self.folder),
            "--port",
            self.port,
            *self.options,
        ]
        self.process = subprocess.Popen(
            command, cwd=self.folder.parent, stdout=subprocess.PIPE, text=True, env=os.environ | self.environment
        )
        assert self.process.stdout
        self.link = self.process.stdout.readline().split()[-1]
        self.url = re.match(r"https?://[^/]+", self.link)[0]
        self.port = self.url.rpartition(":")[2]

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(timeout=60)
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    """The environment of an S3 API server on loopback that has the bucket `art`."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=environment["AWS_ENDPOINT_URL"], **keys)
    client.create_bucket(Bucket="art")
    yield environment
    client.close()
    server.stop()


@pytest.fixture
def server(tmp_path: Path, bucket: dict[str, str]) -> Iterator[Server]:
    server = Server(tmp_path / "studio", "--publish", "s3://art/galleries", **bucket)
    yield server
    server.stop()


@pytest.fixture
def person(browser: Any) -> Iterator[Callable[..., Any]]:
    """Makes pages, each in a browser of its own; errors in the console fail the test."""
    contexts, problems = [], []

    def page(url: str, viewport: dict[str, int] = WIDE, scheme: str = "light") -> Any:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, accept_downloads=True)
        contexts.append(context)
        made = context.new_page()
        made.set_default_timeout(30_000)
        made.on("pageerror", lambda error: problems.append(str(error)))
        made.on(
            "console", lambda message: problems.append(message.text) if "Content Security" in message.text else None
        )
        made.goto(url)
        return made

    yield page
    for context in contexts:
        context.close()
    assert problems == []


def check_access(page: Any) -> None:
    """No serious finding of axe."""
    page.wait_for_timeout(400)  # transitions end
    found = Axe().run(page).response["violations"]
    serious = [
        f"{item['id']}: {item['nodes'][0]['html'][:200]}" for item in found if item["impact"] in ("serious", "critical")
    ]
    assert serious == []


def set_field(page: Any, label: str, *values: str) -> None:
    """Type values into a field of the form."""
    field = page.get_by_label(label, exact=True).first
    for value in values:
        field.fill(value)
        field.press("Enter")


def choose(page: Any, iterations: str = "20", size: str = "96") -> None:
    """Set the few settings of a fast run, with lite in place of VGG-19."""
    for switched in ("lite", "vgg19"):  # on, and off
        page.get_by_role("group", name="Network").get_by_text(switched, exact=True).click()
    set_field(page, "Size", size)
    set_field(page, "Iterations", iterations)


def start(page: Any) -> None:
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/runs/*")


def state(page: Any, name: str, timeout: float = RUN) -> None:
    page.wait_for_selector(f"#state[data-state={name}]", timeout=timeout)


def test_the_whole_way(server: Server, person: Callable[..., Any], tmp_path: Path) -> None:
    page = person(server.url)
    page.get_by_label("Add contents").set_input_files([DATA / "content/lake.jpg"])
    page.get_by_label("Add styles").set_input_files([DATA / "style/wave.jpg", REPOSITORY / "README.md"])
    page.locator("#style").get_by_text("README.md is not an image").wait_for()  # one friendly sentence beside the file
    page.locator("#content .tile img").first.wait_for()
    page.locator("#style .tile:not(.pending):not(.failed) img").first.wait_for()
    choose(page, iterations="6")  # the larger image has as many, of VGG-19
    set_field(page, "Style weight", "4", "16")
    page.get_by_text("1 content × 1 style × 2 settings = 2 images, about").wait_for()
    check_access(page)
    page.reload()  # what was chosen is still there
    page.get_by_text("1 content × 1 style × 2 settings = 2 images, about").wait_for()
    start(page)

    state(page, "running")
    run = page.url.rpartition("/")[2]
    page.locator(".card-pair img:visible").first.wait_for(timeout=RUN)  # a frame
    server.stop()  # a restart in the middle
    server.start()
    page.goto(f"{server.url}/runs/{run}")
    page.wait_for_selector("#state[data-state=queued], #state[data-state=running]")  # the run had not ended
    state(page, "done")
    assert page.locator("#text").inner_text().startswith("2 images in ")
    check_access(page)

    page.get_by_role("radiogroup").first.get_by_label("4 stars").check(force=True)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all").click()
    assert download.value.path().stat().st_size > 10_000
    page.get_by_role("link", name="Open the gallery").click()
    page.locator("#view img").first.wait_for()
    assert page.get_by_role("heading", level=1).inner_text() == "lake × wave"
    page.get_by_role("link", name="Back to the run").click()
    page.wait_for_url(f"**/runs/{run}")

    page.get_by_role("button", name="Share", exact=True).click()
    check_access(page)
    page.get_by_role("button", name="Create a link").click()
    link = page.get_by_label("Link to this run").input_value()
    visitor = person(link, PHONE)
    visitor.locator("main img").nth(1).wait_for()
    check_access(visitor)
    page.get_by_role("button", name="Revoke").click()
    page.get_by_label("Link to this run").wait_for(state="detached")
    assert visitor.goto(link).status == 404
    check_access(visitor)
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Publish").click()
    published = page.locator("#published")
    published.wait_for(timeout=60_000)
    assert "galleries" in published.inner_text()
    page.get_by_role("button", name="Publish again").wait_for()

    page.get_by_role("button", name=re.compile("^Continue with")).first.click()
    page.get_by_role("button", name=re.compile("^Larger")).click()
    page.wait_for_url(lambda url: "/runs/" in url and run not in url)
    state(page, "done")
    assert "larger" in page.get_by_role("heading", level=1).inner_text()
    [image] = server.folder.glob(f"runs/{page.url.rpartition('/')[2]}/results/pairs/*/*/*/image.png")
    with Image.open(image) as opened:
        assert opened.size == (1024, 683)


def test_a_second_run_is_canceled_and_the_first_ends(server: Server, person: Callable[..., Any]) -> None:
    page = person(server.url)
    page.get_by_label("Add the sample lake").click()
    page.get_by_label("Add the sample wave").click()
    choose(page, iterations="40")
    page.get_by_text("= 1 image, about").wait_for()
    start(page)
    first = page.url
    state(page, "running")
    page.goto(server.url)
    page.get_by_text("= 1 image, about").wait_for()
    start(page)
    page.locator("#text").get_by_text(re.compile("waiting|in a moment")).wait_for()
    page.get_by_role("button", name="Cancel").click()
    state(page, "canceled")
    page.goto(first)
    state(page, "done")
    page.goto(server.url)
    assert page.locator("#run-list li").count() == 2


def test_a_killed_server_leaves_nothing_undone(tmp_path: Path, person: Callable[..., Any]) -> None:
    server = Server(tmp_path / "studio")
    page = person(server.url)
    page.get_by_label("Add the sample lake").click()
    page.get_by_label("Add the sample wave").click()
    choose(page, iterations="60")
    page.get_by_text("= 1 image, about").wait_for()
    start(page)
    page.locator(".card-pair img:visible").first.wait_for(timeout=RUN)
    server.stop(signal.SIGKILL)
    page.get_by_text("The studio does not answer. Your images").first.wait_for()  # told calmly
    server.start()
    try:
        state(page, "done")  # without a reload
    finally:
        server.stop()


def test_a_phone_and_a_painted_mask(server: Server, person: Callable[..., Any]) -> None:
    page = person(server.url, PHONE, "dark")
    page.get_by_label("Add the sample portrait").click()
    page.get_by_label("Add the sample swirls").click()
    page.locator("#content .tile:not(.pending) img").first.wait_for()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    check_access(page)
    page.get_by_role("button", name=re.compile("mask", re.I)).first.click()
    canvas = page.locator("dialog canvas").last
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.6, steps=8)
    page.mouse.up()
    check_access(page)
    page.get_by_role("button", name=re.compile("^(Use|Save|Done|Apply)", re.I)).last.click()
    page.get_by_role("button", name="Edit mask of portrait").wait_for()
    page.evaluate("localStorage.clear()")  # as on another device
    page.reload()
    page.get_by_role("button", name="Edit mask of portrait").wait_for()
    choose(page, iterations="4", size="64")
    page.get_by_text("= 1 image, about").wait_for()
    start(page)
    state(page, "done")
    [manifest] = server.folder.glob("runs/*/manifest.csv")
    assert "content_mask" in manifest.read_text()
    assert len(list((manifest.parent / "images").iterdir())) == 3


def test_a_stroke_is_where_the_finger_was_and_escape_asks_before_it_is_lost(
    server: Server, person: Callable[..., Any]
) -> None:
    page = person(server.url, PHONE)
    page.get_by_label("Add the sample lake").click()  # a landscape
    page.get_by_role("button", name="Mask of lake").click()
    canvas = page.locator("dialog canvas")
    box = canvas.bounding_box()
    assert box["width"] / box["height"] == pytest.approx(768 / 512, rel=0.01)
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.75)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.75, steps=8)
    page.mouse.up()
    center = canvas.evaluate(
        """canvas => {
             const {width, height} = canvas, pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
             const open = [...Array(width * height).keys()].filter(i => pixels[4 * i + 3] < 128);
             const mean = place => open.reduce((sum, i) => sum + place(i), 0) / open.length;
             return [mean(i => i % width) / width, mean(i => Math.floor(i / width)) / height];
           }"""
    )
    assert center == pytest.approx([0.5, 0.75], abs=0.01)
    question = page.get_by_role("heading", name="Discard what you painted?")
    for _ in range(3):  # Chrome itself would close the dialog at the third time
        page.keyboard.press("Escape")
        question.wait_for()
        page.keyboard.press("Escape")
        question.wait_for(state="detached")
        assert canvas.is_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Discard", exact=True).click()
    canvas.wait_for(state="detached")


def test_two_styles_are_blended_by_a_slider(server: Server, person: Callable[..., Any]) -> None:
    page = person(server.url)
    for name in ("lake", "wave", "swirls"):
        page.get_by_label(f"Add the sample {name}").click()
    page.get_by_text("1 content × 2 styles = 2 images").wait_for()
    page.get_by_label("Blend wave with another style").click()
    check_access(page)
    page.get_by_role("dialog").get_by_role("button", name="swirls").click()
    page.get_by_text("1 content × 1 style = 1 image").wait_for()
    page.get_by_label("Share of wave").fill("70")
    page.get_by_text("70% · 30%").wait_for()
    choose(page, iterations="2", size="64")
    page.locator("#go:enabled").wait_for()
    start(page)
    page.locator(".card-pair").get_by_text("70% wave + 30% swirls").wait_for()
    page.get_by_role("button", name="Cancel").click()
    state(page, "canceled")
    [manifest] = server.folder.glob("runs/*/manifest.csv")
    assert "images/wave.jpg:0.7+images/swirls.jpg:0.3" in manifest.read_text()


def test_a_token_opens_a_studio_that_others_reach(tmp_path: Path, person: Callable[..., Any]) -> None:
    secret = tmp_path / "token"
    secret.write_text("correct horse battery staple")
    server = Server(tmp_path / "studio", "--token-file", str(secret))
    try:
        stranger = person(server.url)
        assert "/login" in stranger.url
        check_access(stranger)
        assert server.link == f"{server.url}/login"  # the token is not in the log
        guest = person(f"{server.link}#correct horse battery staple")
        guest.get_by_role("heading", name="Stylize images").wait_for()
        assert "battery" not in guest.url
    finally:
        server.stop()


def test_the_keyboard_gives_no_wrong_token_or_code(tmp_path: Path, person: Callable[..., Any]) -> None:
    """A link to a fragment of the page would be read as one."""
    secret = tmp_path / "token"
    secret.write_text("correct horse battery staple")
    server = Server(tmp_path / "studio", "--token-file", str(secret))
    try:
        for path in ("login", "link#code"):
            page = person(f"{server.url}/{path}")
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.className") == "brand"
    finally:
        server.stop()


def test_an_image_that_is_removed_while_it_is_read_does_not_come_back(
    server: Server, person: Callable[..., Any], tmp_path: Path
) -> None:
    Image.new("RGB", (8000, 8000), "teal").save(tmp_path / "large.png")  # read for a second
    page = person(server.url)
    page.get_by_label("Add contents").set_input_files([tmp_path / "large.png"])
    page.locator("#content").get_by_text("reading the image").wait_for()
    with page.expect_response(lambda response: response.request.method == "DELETE") as removed:
        page.get_by_role("button", name="Remove large").click()
        page.locator("#content .tile").wait_for(state="detached")
    assert removed.value.status == 204
    page.reload()
    page.get_by_text("Add a content and a style to begin.").wait_for()
    assert page.locator("#content .tile").count() == 0


def test_a_link_that_only_this_computer_reaches_says_so(server: Server, person: Callable[..., Any]) -> None:
    page = person(server.url)
    page.get_by_role("button", name="Another device").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("The host name 127.0.0.1 leads each device to itself.").wait_for()
    assert "nst studio --host 0.0.0.0" in dialog.inner_text()
    assert "phone" not in dialog.inner_text()
    assert dialog.get_by_label("Link for another device").input_value().startswith(f"{server.url}/link#")
    check_access(page)


def test_presets_are_in_order_and_those_of_other_programs_are_folded(
    server: Server, person: Callable[..., Any]
) -> None:
    page = person(server.url)
    cards, others = page.locator("#presets .preset b"), page.locator("#other-presets .preset")
    assert cards.all_inner_texts() == [
        "Default", "Subtle", "Strong", "Keep colors", "Portrait", "Photo", "NNST", "STROTSS", "Draft", "Large"
    ]  # fmt: skip
    assert not others.first.is_visible()
    page.get_by_text("Presets that follow other programs").click()
    assert "VGG-16 ratio" in others.locator("b").all_inner_texts()
    for description in page.locator(".preset span:last-child").all():
        assert description.evaluate("text => text.scrollHeight <= text.clientHeight")  # none is cut
    others.filter(has_text="VGG-16 ratio").click()
    page.reload()
    page.locator("#other-presets [aria-pressed=true]").wait_for()  # unfolded, because it is chosen
    labels = page.locator(".field .label").all_text_contents()
    assert {"TV weight", "EMA decay"} <= set(labels)


def test_the_first_page_is_small_and_fast(server: Server, person: Callable[..., Any]) -> None:
    page = person("about:blank")
    sizes: list[int] = []
    page.on(
        "response",
        lambda answer: (
            sizes.append(len(answer.body())) if "image" not in answer.headers.get("content-type", "") else None
        ),
    )
    began = time.monotonic()
    page.goto(server.url, wait_until="networkidle")
    page.get_by_text("Add a content and a style to begin.").wait_for()
    print(f"first page: {sum(sizes)} bytes, {time.monotonic() - began:.2f} s")
    assert 0 < sum(sizes) < 150_000


def test_a_click_on_a_value_is_not_lost_while_another_is_typed(server: Server, person: Callable[..., Any]) -> None:
    page = person(server.url)
    set_field(page, "Style weight", "4")
    page.get_by_label("Style weight", exact=True).first.fill("16")
    page.get_by_label("Remove 4", exact=True).click()
    page.get_by_label("Remove 16", exact=True).wait_for()
    assert page.get_by_label("Remove 4", exact=True).count() == 0


def test_too_many_values_are_told_beside_the_field(server: Server, person: Callable[..., Any]) -> None:
    page = person(server.url)
    page.get_by_label("Add the sample lake").click()
    page.get_by_label("Add the sample wave").click()
    set_field(page, "Style weight", ",".join(map(str, range(1, 52))))
    page.get_by_text("has 51 values; give at most 50").wait_for()
    page.get_by_label("Remove 51", exact=True).click()
    page.get_by_text("= 50 images").wait_for()


def test_what_cannot_be_dropped_is_told(server: Server, person: Callable[..., Any]) -> None:
    page = person(server.url)
    drop = """node => node.dispatchEvent(new DragEvent("drop", {bubbles: true, dataTransfer: new DataTransfer()}))"""
    page.locator("#content").evaluate(drop)
    page.get_by_text("Drop image files").wait_for()


def test_an_unreadable_run_says_so(server: Server, person: Callable[..., Any]) -> None:
    """Instead of a page without words whose buttons do nothing."""
    page = person(server.url)
    page.route("**/api/runs/*", lambda route: route.fulfill(status=400, json={"error": "manifest.csv:1: is wrong"}))
    page.get_by_label("Add the sample lake").click()
    page.get_by_label("Add the sample wave").click()
    choose(page, iterations="4", size="64")
    start(page)
    page.get_by_text("Manifest.csv:1: is wrong.").wait_for()
    assert page.locator("#actions").get_by_role("button").count() == 0
