"""Values, counts and durations as text, and suggestions for near misses."""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Iterable
from typing import Any


def text(value: Any) -> str:
    """The shortest exact text of a value, for manifests, command lines and names."""
    return number_text(value) if isinstance(value, float) else str(value)


@functools.lru_cache(maxsize=4096)
def number_text(number: float) -> str:
    """The shortest text that parses to the same number: 10000.0 is 1e4, 0.5 is 0.5."""
    number = float(number)
    plain = repr(number).removesuffix(".0")
    exact = next(t for p in range(17) if float(t := f"{number:.{p}e}") == number)
    mantissa, _, exponent = exact.partition("e")
    scientific = f"{mantissa}e{int(exponent)}"
    return min(plain, scientific, key=len)


def is_number(text: str) -> bool:
    """Whether a text can be read as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def counted(number: int, noun: str) -> str:
    """A number with its noun: '1 image', '2,000 images'."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def duration_text(seconds: float) -> str:
    """A duration as text: 40 s, 12 min, 3 h 20 min, 2 days 4 h."""
    if seconds < 60:
        return f"{math.ceil(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return counted(days, "day") + (f" {hours} h" if hours else "")


def did_you_mean(word: str, known: Any) -> str:
    """A suggestion for a near miss, ready to append: '; did you mean average?'; '' without a near match."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most similar to this one, ignoring case; '' without a near match."""
    folded = {name.casefold(): name for name in known}
    word = str(word).strip().casefold()
    near = [word] if word in folded else difflib.get_close_matches(word, folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else ""


def decimal_point(given: Any) -> str:
    """What to write for a number with a decimal comma, ready to append: '; write 0.5'; '' for other texts."""
    is_decimal = isinstance(given, str) and re.fullmatch(r"\s*\d+,\d+\s*", given)
    return f"; write {given.strip().replace(',', '.')}" if is_decimal else ""


def flag(name: str) -> str:
    """The flag of a setting: --style-weight."""
    return f"--{name.replace('_', '-')}"
