"""The bounds of the other tests in this folder hold: each kind of misbehavior is reported."""

from __future__ import annotations

import os
import time

import pytest

from bounded import bounded
from nst.errors import NstError


def test_what_is_accepted_and_what_is_refused():
    assert bounded(len, "abc").error == ""
    assert bounded(_refuse, "a.jpg: not an image").error == "a.jpg: not an image"


@pytest.mark.parametrize(
    ("misbehave", "reported"),
    [
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: time.sleep(60), "not done within"),
        (lambda: bytearray(300_000_000), "MB, more than 200"),
        (lambda: os._exit(3), "ended with status 3"),
        (lambda: _refuse("\x1b[2J", RawError), "raw characters"),
        (lambda: _refuse("x" * 30_000, RawError), "30,000 characters"),
    ],
)
def test_what_misbehaves(misbehave, reported):
    with pytest.raises(AssertionError, match=reported):
        bounded(misbehave, seconds=1, megabytes=200)


class RawError(NstError):
    """Says what it is given, which an NstError does not."""

    def __init__(self, message):
        self.message = message

    def __str__(self):
        return self.message


def _refuse(message, kind=NstError):
    raise kind(message)
