"""Links and headings of Markdown: where a link leads in the repository, and the anchors of a page."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from pymdownx.slugs import slugify

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2[ ]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")
_LINK = re.compile(r"(\]\()([^()\s]+(?:\([^()]*\))?)(\))")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#* *$", re.MULTILINE)
_MARKED_ID = re.compile(r"\{[^}]*#([\w-]+)[^}]*\}|\bid=\"([\w-]+)\"")

_slug = slugify(case="lower")


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with the parts outside code changed."""
    for pattern in (_CODE, _FENCE):  # the blocks first, because they may contain backticks
        inner = change
        change = _around(pattern, inner)
    return change(text)


def _around(pattern: re.Pattern[str], inner: Callable[[str], str]) -> Callable[[str], str]:
    def change(text: str) -> str:
        parts, at = [], 0
        for code in pattern.finditer(text):
            parts += [inner(text[at : code.start()]), code[0]]
            at = code.end()
        return "".join([*parts, inner(text[at:])])

    return change


def rewrite(text: str, change: Callable[[str], str | None]) -> str:
    """The text with the target of each relative link changed; None keeps the link's text only."""

    def each(part: str) -> str:
        return _LINK.sub(lambda link: link[0] if is_foreign(link[2]) else f"]({change(link[2]) or _NOWHERE})", part)

    marked = outside_code(text, each)
    return re.sub(rf"\[([^\[\]]*)\]\({_NOWHERE}\)", r"\1", marked)


_NOWHERE = "nowhere:"


def targets(text: str) -> Iterator[str]:
    """The targets of all links and images, outside code."""
    found: list[str] = []
    outside_code(text, lambda part: found.extend(link[2] for link in _LINK.finditer(part)) or part)
    return iter(found)


def is_foreign(target: str) -> bool:
    """Whether a link leads to another host, or to nothing in the repository."""
    return re.match(r"[a-z][a-z0-9+.-]*:", target) is not None


def resolve(target: str, source: str) -> tuple[str, str]:
    """(path, anchor) in the repository of a link in the file `source`, whose path is relative to the repository."""
    path, _, anchor = target.partition("#")
    return os.path.normpath(os.path.join(os.path.dirname(source), path)) if path else source, anchor  # noqa: PTH118, PTH120


def anchors(text: str) -> set[str]:
    """The anchors of a page: those of its headings, as GitHub and the site make them, and marked ids."""
    found: set[str] = set()
    plain = _FENCE.sub("", text)
    for heading in _HEADING.findall(plain):
        title = re.sub(r"\{[^}]*\}$", "", heading).strip()
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        base = slug = _slug(re.sub(r"[`*]", "", title), "-")
        number = 0
        while slug in found:
            number += 1
            slug = f"{base}_{number}"
        found.add(slug)
    return found | {first or second for first, second in _MARKED_ID.findall(plain)}
