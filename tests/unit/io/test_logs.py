"""Logs: what nst logs can be read from the logs again."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridfiles import PATIENT
from nst.io import logs

LOSSES = st.fixed_dictionaries({name: st.floats(width=32) for name in ("total", "content", "style", "tv")})
COUNTS = st.integers(1, 10**6)
SECONDS = st.floats(0, 1e7)


def logged(path: Path, *messages: str) -> Path:
    """A log with these messages, as a command writes it."""
    record = logging.LogRecord("nst", logging.INFO, "", 0, "", (), None)
    lines = []
    for message in messages:
        record.msg = message
        lines.append(logging.Formatter("nst: %(message)s").format(record))
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


@given(COUNTS, COUNTS, LOSSES, SECONDS)
@PATIENT
def test_a_report_is_read_as_it_was_written(
    tmp_path: Path, iteration: int, iterations: int, losses: dict[str, float], seconds: float
) -> None:
    text = logs.report_text(iteration, iterations, losses, seconds)
    log = logged(tmp_path / "log", logs.report_text(1, 2, {"total": 1, "content": 1, "style": 1}, 3), text)
    report = logs.last_report(log)
    assert report is not None
    assert report[:2] == (iteration, iterations)
    assert report.seconds == pytest.approx(seconds, abs=0.5)
    finite = {name: losses[name] for name in ("total", "content", "style") if math.isfinite(losses[name])}
    assert report.losses == pytest.approx(finite, rel=1e-3)


@given(COUNTS, LOSSES, st.booleans())
@PATIENT
def test_progress_is_no_reason_of_a_failure(
    tmp_path: Path, iteration: int, losses: dict[str, float], resumable: bool
) -> None:
    progress = (logs.resumed_text(iteration), logs.report_text(iteration, iteration, losses, 1.0))
    log = logged(tmp_path / "log", "a.jpg: enlarged", *progress)
    assert logs.own_messages(log, 5) == ["a.jpg: enlarged"]
    log = logged(tmp_path / "log", "a.jpg: enlarged", *progress, logs.stopped_text(iteration, resumable=resumable))
    assert logs.own_messages(log, 5) == []


def test_commands_log_as_the_patterns_expect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, str] = {}
    monkeypatch.setattr(logging, "basicConfig", lambda **how: given.update(how))
    logs.show()
    assert given == {"format": "nst: %(message)s"}


def test_only_the_end_of_a_log_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert logs.last_report(log) is None
    assert logs.last_report(tmp_path) is None
    assert logs.tail(tmp_path / "a\0b") == ""
    log.write_bytes(b"x" * 10_000 + b"\xff end")
    assert logs.tail(log, 5) == "\ufffd end"
    assert logs.last_report(log) is None
