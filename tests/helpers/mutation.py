"""Damage to files as networks, disks and people do it: seeds of real files, with some of it changed."""

from __future__ import annotations

from hypothesis import strategies as st

#: Values that readers trip over.
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    | st.sampled_from(["\0", "\ud800", "x" * 300, "../a.png", "/dev/zero", "javascript:alert(1)", "1e400", 2**70]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@st.composite
def damaged(draw, whole: bytes) -> bytes:
    """A file cut off, with bytes changed, or with a part of it moved."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["cut", "change", "insert", "remove", "repeat"]))
        if kind == "cut":
            del data[at:]
        elif kind == "change":
            new = draw(st.binary(min_size=1, max_size=8))
            data[at : at + len(new)] = new
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=8))
        elif kind == "remove":
            del data[at : at + draw(st.integers(1, 64))]
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 64))]
    return bytes(data)


@st.composite
def altered(draw, whole):
    """A JSON value with one to three of its parts replaced, or taken away, at any depth."""
    found = whole
    for _ in range(draw(st.integers(1, 3))):
        found = _altered(draw, found)
    return found


def _altered(draw, value):
    deeper = value and isinstance(value, (dict, list)) and draw(st.integers(0, 3))
    if not deeper:
        return draw(JSON_VALUES)
    copy = value.copy()
    key = draw(st.sampled_from(sorted(copy) if isinstance(copy, dict) else list(range(len(copy)))))
    if draw(st.integers(0, 4)) == 0:
        del copy[key]
    else:
        copy[key] = _altered(draw, copy[key])
    return copy
