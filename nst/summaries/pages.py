"""HTML pages: one file each, which needs nothing but the pictures that it links to."""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nst import layout
from nst.io.files import replacing

if TYPE_CHECKING:
    import jinja2

_VIEWABLE = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")


def write_page(path: Path, template: str, **values: Any) -> None:
    """Render a template of the package into a file."""
    with replacing(path) as temporary:
        temporary.write_text(render(template, **values), encoding="utf-8", errors="replace")


def render(template: str, **values: Any) -> str:
    """A template of the package with these values; all of them are escaped."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    """Compiles each template once."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nst.summaries"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["csp_hash"] = csp_hash
    return environment


def relative_link(path: str, folder: Path) -> str:
    """The link to a file from a page in `folder`, whatever the file is called; a URL of the web as it is.

    Of any other scheme, such as `javascript:`, the colon is quoted as in a file's name.
    """
    return path if path.startswith(("http://", "https://")) else quote(Path(os.path.relpath(path, folder)).as_posix())


def viewable(picture: str) -> str:
    """What a browser can show of a picture: itself, or of a result in another format its last frame; '' if nothing."""
    if "://" in picture or not picture:
        return ""
    path = Path(picture)
    if path.suffix.lower() in _VIEWABLE:
        return picture
    frames = sorted((path.parent / layout.FRAMES).glob("*.jpg"))
    return str(frames[-1]) if frames else ""


def csp_hash(text: str) -> str:
    """The hash of a script or style sheet, as a Content-Security-Policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
