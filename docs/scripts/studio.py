"""Render the pictures of docs/how-to/studio.md: the studio's pages with a real run, in headless Chromium.

    python docs/scripts/studio.py

Starts `nst studio` on a temporary folder, makes a run of six images as a person would, and writes studio-home.jpg,
studio-run.jpg and studio-phone.jpg to docs/pictures. Takes about ten minutes on two cores.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).parents[1] / "pictures"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def main() -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "-m", "nst", "studio", "--results", f"{folder}/studio", "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout
        url = server.stdout.readline().split()[-1]
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            render(browser, url)
        finally:
            browser.close()
            server.terminate()
            server.wait()


def render(browser: Browser, url: str) -> None:
    """Make a run and take the pictures."""
    page = browser.new_page(viewport=WIDE, device_scale_factor=1.5)
    page.goto(url)
    for index, name in enumerate(("lake", "street", "wave", "stained_glass", "swirls")):
        page.get_by_label(f"Add the sample {name}").click()
        page.locator(".tile:not(.pending)").nth(index).wait_for()
    for label, value in (("Size", "288"), ("Iterations", "200")):
        field = page.get_by_label(label, exact=True).first
        field.fill(value)
        field.press("Enter")
    page.wait_for_timeout(1000)  # the check of what was typed begins
    page.locator("#go:enabled").wait_for()
    page.mouse.move(0, 0)
    page.evaluate("() => scrollTo(0, 0)")
    save(page, "studio-home.jpg")
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator(".card-pair[data-state=done]").nth(3).wait_for(timeout=1_200_000)
    page.locator(".card-pair[data-state=running] img:visible").nth(1).wait_for(timeout=1_200_000)
    page.wait_for_timeout(8000)
    save(page, "studio-run.jpg")
    page.wait_for_selector("#state[data-state=done]", timeout=1_200_000)
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    page.reload()
    page.locator(".card-pair img").last.wait_for()
    page.wait_for_timeout(1000)
    save(page, "studio-phone.jpg")


def save(page: Page, name: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        page.screenshot(path=file.name)
        Image.open(file.name).convert("RGB").save(PICTURES / name, quality=84, optimize=True)


if __name__ == "__main__":
    main()
