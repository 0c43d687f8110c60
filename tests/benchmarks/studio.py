"""What browsers that watch a run cost: how long they wait, and how much slower the run becomes.

    python tests/benchmarks/studio.py

Starts `nst studio`, and in it runs of one image, alternately alone and while browsers poll the run as its page does
(once a second, with the ETag of the last answer). Then it queues 200 runs and asks for their list. Prints JSON: the
milliseconds within which 95 % of the polls are answered, the ratio of the seconds that the optimization takes with and
without browsers in each pair of runs and their median, and the milliseconds of the list. The machine has to be idle
otherwise.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import requests

DATA = Path(__file__).parents[2] / "data"
#: Seconds between two polls of a browser.
POLL = 1.0


class Browser:
    """A session of the studio."""

    def __init__(self, url: str):
        self.url, self.session = url, requests.Session()
        page = self.session.get(url).text
        token = re.search(r'csrf-token" content="([^"]+)"', page)
        assert token
        self.session.headers["X-CSRFToken"] = token[1]

    def post(self, path: str, body: object) -> dict:
        answer = self.session.post(self.url + path, json=body)
        answer.raise_for_status()
        return answer.json()

    def sample(self, kind: str, name: str) -> str:
        return self.post("/api/uploads/sample", {"kind": kind, "name": name})["id"]

    def start(self, content: str, style: str, **settings: object) -> str:
        given = {name: [str(value)] for name, value in settings.items()}
        request = {"contents": [content], "styles": [[{"id": style}]], "settings": given}
        return self.post("/api/runs", request)["id"]

    def state(self, run: str) -> str:
        return self.session.get(f"{self.url}/api/runs/{run}").json()["state"]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A studio on a free port; yields its URL."""
    command = [sys.executable, "-m", "nst", "studio", "--results", str(folder), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        yield server.stdout.readline().split()[1].rstrip("/")
    finally:
        server.terminate()
        server.wait()


def poll(url: str, run: str, cookies: dict[str, str]) -> None:
    """Be one browser that watches a run until it is killed; prints the milliseconds of each answer."""
    session, etag = requests.Session(), ""
    session.cookies.update(cookies)
    while True:
        began = time.perf_counter()
        answer = session.get(f"{url}/api/runs/{run}", headers={"If-None-Match": etag} if etag else {})
        assert answer.status_code in (200, 304), answer.text
        print(f"{1000 * (time.perf_counter() - began)}\n", end="", flush=True)  # one write: threads share it
        etag = answer.headers.get("ETag", etag)
        time.sleep(POLL)


def polled(browser: Browser, run: str, count: int) -> subprocess.Popen[str]:
    """A process with so many browsers."""
    arguments = [browser.url, run, json.dumps(browser.session.cookies.get_dict()), str(count)]
    return subprocess.Popen([sys.executable, __file__, "--poll", *arguments], stdout=subprocess.PIPE, text=True)


def timed_run(
    browser: Browser, folder: Path, images: tuple[str, str], count: int, **settings: object
) -> tuple[float, list[float]]:
    """(seconds of the optimization, milliseconds of the polls) of a run that so many browsers watch."""
    run = browser.start(*images, **settings)
    watchers = polled(browser, run, count) if count else None
    while browser.state(run) in ("queued", "running"):
        time.sleep(POLL)
    waits: list[float] = []
    if watchers:
        watchers.terminate()
        waits = [float(line) for line in watchers.communicate()[0].splitlines()]
    [record] = (folder / "runs" / run / "results" / "pairs").rglob("run.json")
    return json.loads(record.read_text())["seconds"]["optimize"], waits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--browsers", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--queued", type=int, default=200)
    parser.add_argument("--poll", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.poll:
        from concurrent.futures import ThreadPoolExecutor

        url, run, cookies, count = arguments.poll
        with ThreadPoolExecutor(int(count)) as pool:
            list(pool.map(lambda _: poll(url, run, json.loads(cookies)), range(int(count))))
        return
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as url:
        folder, browser = Path(name), Browser(url)
        images = browser.sample("content", "lake.jpg"), browser.sample("style", "wave.jpg")
        settings = {"network": "lite", "size": 256, "iterations": arguments.iterations}
        ratios, waits = [], []
        for seed in range(arguments.rounds):
            alone, _ = timed_run(browser, folder, images, 0, seed=2 * seed, **settings)
            watched, answers = timed_run(browser, folder, images, arguments.browsers, seed=2 * seed + 1, **settings)
            ratios.append(watched / alone)
            waits += answers
        print(json.dumps({
            "browsers": arguments.browsers,
            "polls": len(waits),
            "95 % of polls within ms": round(quantiles(waits, n=20)[-1], 1),
            "seconds watched / alone": [round(ratio, 3) for ratio in ratios],
            "median": round(median(ratios), 3),
        }, indent=1))  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(listing(Path(name), arguments.queued), indent=1))


def listing(folder: Path, count: int) -> dict[str, object]:
    """The milliseconds of the list of so many queued runs, in a studio without a supervisor."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
    import studios
    from nst.studio.quotas import Quotas

    studio = studios.open_studio(folder, quotas=Quotas(free_bytes=0, queued=count))
    person = studios.browser(studio)
    studio.rates = type(studio.rates)({"request": 10**6, "upload": 10**6, "run": 10**6, "login": 10})
    request = person.request()
    for _ in range(count):
        assert person.post("/api/runs", request).status_code == 201
    times = []
    for _ in range(5):
        began = time.perf_counter()
        assert len(person.get("/api/runs").json["runs"]) == count
        times.append(1000 * (time.perf_counter() - began))
    return {"queued runs": count, "list in ms": round(median(times), 1)}


if __name__ == "__main__":
    main()
