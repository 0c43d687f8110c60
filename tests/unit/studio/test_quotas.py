"""The limits of a studio: each is a check with one sentence; requests are counted within a minute."""

from __future__ import annotations

import pytest

from nst.studio import quotas
from nst.studio.quotas import QuotaError, Quotas, Rates

LIMITS = Quotas(
    file_bytes=5_000_000, uploads=3, session_bytes=9_000_000, all_bytes=12_000_000_000, free_bytes=0, images=6,
    queued=2, runs=5, body_bytes=6_000_000,
)  # fmt: skip


def test_what_is_just_allowed():
    LIMITS.check_file(5_000_000)
    LIMITS.check_uploads(3, 9_000_000, 12_000_000_000)
    LIMITS.check_runs(2, 5)


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (lambda: LIMITS.check_file(5_000_001), "an image may have at most 5 MB"),
        (lambda: LIMITS.check_uploads(4, 0, 0), "at most 3 images can be stored"),
        (lambda: LIMITS.check_uploads(1, 9_000_001, 0), "your images may have at most 9 MB together"),
        (lambda: LIMITS.check_uploads(1, 0, 12_000_000_001), "the studio has no space for more images"),
        (lambda: LIMITS.check_runs(3, 0), "at most 2 of your runs can be queued"),
        (lambda: LIMITS.check_runs(0, 6), "the studio stores at most 5 runs"),
    ],
)
def test_what_exceeds_a_limit(check, sentence):
    with pytest.raises(QuotaError, match=f"^{sentence}") as error:
        check()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("free", "size", "allowed"), [(1000, 0, True), (1000, 1, False), (999, 0, False)])
def test_a_part_of_the_disk_remains_free(tmp_path, monkeypatch, free, size, allowed):
    monkeypatch.setattr(quotas.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": free}))
    limits = Quotas(free_bytes=1000)
    if allowed:
        limits.check_disk(tmp_path, size)
    else:
        with pytest.raises(QuotaError, match="disk is nearly full"):
            limits.check_disk(tmp_path, size)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    return now


def test_requests_of_a_minute(clock):
    rates = Rates({"request": 3, "run": 1, "login": 1})
    assert [rates.wait("request", "a"), rates.wait("request", "a")] == [0, 0]
    clock[0] += 20
    assert rates.wait("request", "a") == 0
    clock[0] += 10
    assert rates.wait("request", "a") == pytest.approx(30, abs=1)
    assert rates.wait("request", "b") == 0, "each sender has its own"
    assert [rates.wait("run", "a"), rates.wait("login", "a")] == [0, 0], "and each kind"
    assert rates.wait("run", "a") == pytest.approx(60, abs=1)
    clock[0] += 31  # refused requests have not counted
    assert [rates.wait("request", "a") for _ in range(2)] == [0, 0]
    assert rates.wait("request", "a") > 0


def test_a_wait_is_at_least_a_second(clock):
    rates = Rates({"run": 1})
    rates.wait("run", "a")
    clock[0] += 59.99
    assert rates.wait("run", "a") == 1


def test_silent_senders_are_forgotten(clock, monkeypatch):
    monkeypatch.setattr(Rates, "SENDERS", 50)
    rates = Rates({"request": 10})
    for sender in range(40):
        rates.wait("request", str(sender))
    clock[0] += 120
    for sender in range(200):
        rates.wait("request", f"new {sender}")
        clock[0] += 10
        rates._storage.timer.join()  # it expires what is old
    assert len(rates._storage.events) <= 60
