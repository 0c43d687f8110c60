"""Studios for tests: a real application whose runs are made by a program of the test in place of Snakemake."""

from __future__ import annotations

import io
import re
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import flask
import numpy as np
from flask.testing import FlaskClient
from PIL import Image

from nst.studio.app import create_app
from nst.studio.quotas import Quotas
from nst.studio.runs import StudioRun
from nst.studio.studio import Options, Studio
from nst.studio.supervisor import Launch

#: Makes every image of a run at once.
FINISH = """
import json, pathlib, sys
from nst.studio.runs import _pairs
for pair in _pairs(pathlib.Path.cwd()).values():
    folder = pathlib.Path(pair.folder("results"))
    (folder / "snapshots/frames").mkdir(parents=True, exist_ok=True)
    (folder / "image.png").write_bytes(pathlib.Path(pair.content).read_bytes())
    (folder / "snapshots/frames/000300.jpg").write_bytes(pathlib.Path(pair.content).read_bytes())
    (folder / "run.json").write_text("{}")
"""
#: Waits until it is interrupted, and then ends as Snakemake does.
WAIT = """
import pathlib, signal, sys, time
pathlib.Path("waiting").touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path("interrupted").touch()
    sys.exit(1)
"""
FAIL = "print('failed    lake/wave/default: the disk is full'); raise SystemExit(1)"


@dataclass(frozen=True)
class FakeLaunch(Launch):
    """Starts a Python program in place of Snakemake."""

    program: str = FINISH

    def snakemake(self, run: StudioRun) -> list[str]:
        return [sys.executable, "-c", self.program, "snakemake"]


def open_studio(folder: Path, program: str = FINISH, quotas: Quotas | None = None, **options: Any) -> Studio:
    """A studio whose supervisor is not started."""
    # As `serve` does: a shell's background jobs ignore Ctrl-C, and the processes of the tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    launch = FakeLaunch(cores=1, at_once=options.pop("at_once", 1), program=program)
    return Studio(Options(folder, launch, quotas=quotas or Quotas(free_bytes=0), **options))


class Browser:
    """A client with cookies and the CSRF token of the page."""

    def __init__(self, app: flask.Flask):
        self.client: FlaskClient = app.test_client()
        page = self.client.get("/").get_data(as_text=True)
        found = re.search(r'name="csrf-token" content="([^"]+)"', page)
        self.headers = {"X-CSRFToken": found[1]} if found else {}

    def enter(self, token: str) -> None:
        """Give the access token."""
        page = self.get("/login").get_data(as_text=True)
        self.headers = {"X-CSRFToken": re.search(r'csrf-token" content="([^"]+)', page)[1]}
        assert self.post("/login", {"token": token}).status_code == 204

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, buffered=True, **more)  # files are closed

    def post(self, path: str, json: Any = None, **more: Any) -> Any:
        return self.client.post(path, json=json, headers=self.headers, **more)

    def put(self, path: str, json: Any) -> Any:
        return self.client.put(path, json=json, headers=self.headers)

    def delete(self, path: str) -> Any:
        return self.client.delete(path, headers=self.headers)

    def upload(self, kind: str = "content", name: str = "lake.jpg", content: bytes | None = None) -> str:
        """Upload an image; returns its id."""
        data = jpeg() if content is None else content
        answer = self.client.post(f"/api/uploads?kind={kind}&name={quote(name)}", data=data, headers=self.headers)
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return str(answer.json["id"])

    def request(self, contents: int = 1, styles: int = 1, **settings: list[str]) -> dict[str, Any]:
        """A request with new uploads."""
        return {
            "contents": [self.upload("content", f"lake{n}.jpg", jpeg(seed=n)) for n in range(contents)],
            "styles": [[{"id": self.upload("style", f"wave{n}.jpg", jpeg(seed=50 + n))}] for n in range(styles)],
            "settings": {"network": ["lite"], "size": ["64"], "iterations": ["4"], **settings},
        }

    def start(self, **request: Any) -> str:
        """Start a run; returns its id."""
        answer = self.post("/api/runs", self.request(**request))
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return str(answer.json["id"])

    def watch(self, run: str) -> Any:
        return self.get(f"/api/runs/{run}").json


def browser(studio: Studio) -> Browser:
    """A new browser of a studio."""
    app = create_app(studio)
    app.testing = False  # errors are answered, as in a server
    return Browser(app)


def jpeg(width: int = 48, height: int = 32, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def png(seed: int = 0) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(jpeg(seed=seed))).save(file, "PNG")
    return file.getvalue()


def damage(image: Path) -> bytes:
    """Damage a PNG file so that it is seen when it is decoded; returns the bytes before."""
    whole = image.read_bytes()
    data = whole.index(b"IDAT") + 6
    image.unlink()  # an upload has the same file
    image.write_bytes(whole[:data] + b"\xff" * 9 + whole[data + 9 :])
    return whole


def until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait until a condition holds; returns its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")
