"""Counting images from Snakemake's events."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snakemake_logger_plugin_nst.tally import Tally

SETTINGS = {"content": "lake", "style": "wave"}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Tally:
    """Of four images, of which the last takes as long as the others together, and three summaries."""
    monkeypatch.chdir(tmp_path)
    known = Tally(clock)
    known.steps = 7
    seconds = {f"lake/wave/{n}": 10.0 for n in "abc"} | {"lake/wave/d": 30.0}
    known.begin(images=seconds, bundles={}, results="results", format="png")
    return known


def start(tally: Tally, number: int, settings: str = "", rule: str = "stylize", local: bool = True) -> None:
    wildcards = SETTINGS | {"settings": settings} if settings else {}
    log = [f"logs/{number}.log"]
    tally.start({"jobid": number, "rule_name": rule, "wildcards": wildcards, "log": log, "local": local})


def fail(tally: Tally, number: int, **more: object) -> list[str]:
    return list(tally.fail({"jobid": number, "rule_name": "stylize", "log": [f"logs/{number}.log"], **more}))


def log(number: int, text: str, when: float) -> None:
    path = Path(f"logs/{number}.log")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, (when, when))


def test_images_and_then_summaries_are_counted(tally: Tally) -> None:
    assert tally.text() == "0 of 4 images"
    for number, settings in enumerate("abc"):
        start(tally, number, settings)
    assert tally.text() == "0 of 4 images, 3 running"
    tally.finish(0)
    assert tally.text() == "1 of 4 images, 2 running"
    start(tally, 3, "d")
    for number in (1, 2, 3):
        tally.finish(number)
    start(tally, 4, rule="grid")
    assert tally.text() == "4 of 4 images, summaries: 0 of 3 steps"
    tally.finish(4)
    assert tally.text() == "4 of 4 images, summaries: 1 of 3 steps"


def test_the_time_left_counts_what_images_cost(tally: Tally, clock: Clock) -> None:
    start(tally, 0, "a")
    start(tally, 3, "d")
    clock.now += 20
    assert "left" not in tally.text()  # nothing is known yet
    log(3, "nst: iteration 60/300  total 1.5e-03  content 0.4  style 0.07  15 s\n", clock.now)
    assert "left" not in tally.text()  # the first iterations are seen, after an unknown start
    clock.now += 20
    log(3, "nst: iteration 180/300  total 1.5e-03  content 0.4  style 0.07  35 s\n", clock.now)
    assert tally.text() == "0 of 4 images, 2 running, about 1 min left"  # two fifths of a half in 20 s
    tally.finish(0)  # and a sixth
    assert tally.text() == "1 of 4 images, 1 running, about 30 s left"
    tally.stopped = True
    assert tally.text() == "1 of 4 images, 1 running"


def test_the_time_left_is_counted_down_while_images_are_measured(tally: Tally, clock: Clock) -> None:
    for number, settings in enumerate("abcd"):
        start(tally, number, settings)
        log(number, "nst: iteration 3/300  total 1.5e-03  content 0.4  style 0.07  1 s\n", clock.now)
    tally.text()
    clock.now += 98
    for number in range(4):
        log(number, "nst: iteration 300/300  total 1.5e-03  content 0.4  style 0.07  100 s\n", clock.now)
    assert "about 1 s left" in tally.text()
    clock.now += 0.5
    assert "about 1 s left" in tally.text()
    clock.now += 10
    assert tally.text() == "0 of 4 images, 4 running"  # not a wrong time


def test_a_failure_is_printed_with_the_message_of_its_log_and_counted_until_the_retry(tally: Tally) -> None:
    start(tally, 0, "a")
    log(0, "nst: replacing an earlier result\nnst: lake.jpg: the image is truncated\n", 0.0)
    assert fail(tally, 0) == ["error     lake/wave/a: lake.jpg: the image is truncated", "          log: logs/0.log"]
    assert tally.text() == "0 of 4 images, 1 failed"
    assert fail(tally, 0) == []  # the same failure again
    assert tally.retry("0") == "lake/wave/a"
    start(tally, 0, "a")
    assert tally.text() == "0 of 4 images, 1 running"
    log(0, "", 0.0)
    assert fail(tally, 0)[0] == "error     lake/wave/a: ended without a message"
    assert fail(tally, 9)[0] == "error     stylize: ended without a message"  # a job that never started


def test_only_the_failed_members_of_a_group_are_printed(tally: Tally) -> None:
    for number in (5, 6):
        start(tally, number, rule="sheet", settings=f"s{number}")
    log(5, "nst: the disk is full\n", 0.0)
    assert fail(tally, 5, indent=True)[0] == "error     sheet lake/wave/s5: the disk is full"
    assert fail(tally, 6, indent=True) == []


def test_jobs_that_the_user_stopped_have_not_failed(tally: Tally) -> None:
    start(tally, 0, "a")
    tally.stopped = True
    assert fail(tally, 0) == []
    assert tally.text() == "0 of 4 images"


def test_images_of_a_bundle_are_found_by_their_files(tally: Tally, clock: Clock) -> None:
    names = ["lake/wave/a", "lake/wave/b", "lake/wave/c"]
    tally.begin(images=dict.fromkeys(names, 10.0), bundles={"b1": names}, results="results", format="png")
    tally.steps = 4
    tally.start({"jobid": 1, "rule_name": "bundle", "wildcards": {"bundle": "b1"}, "log": [], "local": False})
    assert tally.text() == "0 of 3 images, 1 job submitted"
    for name, age in (("a", 5), ("b", -5)):
        image = Path(f"results/pairs/lake/wave/{name}/image.png")
        image.parent.mkdir(parents=True)
        image.touch()
        os.utime(image, (clock.now - age, clock.now - age))
    tally.look()
    assert tally.text() == "1 of 3 images, 1 job submitted"  # the other one is of an earlier run
    tally.finish(1)
    assert tally.text() == "3 of 3 images, summaries: 0 of 3 steps"


def test_as_a_module_rules_have_a_prefix(tally: Tally) -> None:
    start(tally, 0, "a", rule="other_stylize")
    start(tally, 1, "a", rule="other_snapshot_sheet")
    assert tally.text() == "0 of 4 images, 1 running"


def test_without_images_all_steps_are_counted(tally: Tally) -> None:
    tally.begin(images={}, bundles={}, results="", format="")
    start(tally, 0, "a")
    tally.finish(0)
    start(tally, 1, rule="grid")
    assert tally.text() == "1 of 7 steps"


def test_images_that_are_only_put_back_are_steps(tally: Tally) -> None:
    tally.steps = 8
    start(tally, 9, "finished earlier")
    assert tally.text() == "0 of 4 images"
    tally.finish(9)
    for number, settings in enumerate("abcd"):
        start(tally, number, settings)
        tally.finish(number)
    assert tally.text() == "4 of 4 images, summaries: 1 of 4 steps"
