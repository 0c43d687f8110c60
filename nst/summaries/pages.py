"""HTML pages. Each is one file, which needs only the images that it links to."""

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
    """Render a template of this package into a file."""
    with replacing(path) as temporary:
        temporary.write_text(render(template, **values), encoding="utf-8", errors="replace")


def render(template: str, **values: Any) -> str:
    """The rendered template. All values are escaped."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    """The jinja2 environment, which compiles each template once."""
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
    """A quoted relative link to a file from a page in `folder`; an http(s) URL unchanged.

    Other schemes, such as `javascript:`, are treated as file names.
    """
    return path if path.startswith(("http://", "https://")) else quote(Path(os.path.relpath(path, folder)).as_posix())


def viewable(picture: str) -> str:
    """A path that browsers can show for an image: itself, or the last frame of a result in another format; or ''."""
    if "://" in picture or not picture:
        return ""
    path = Path(picture)
    if path.suffix.lower() in _VIEWABLE:
        return picture
    frames = sorted((path.parent / layout.FRAMES).glob("*.jpg"))
    return str(frames[-1]) if frames else ""


def csp_hash(text: str) -> str:
    """The hash of a script or style sheet for a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
