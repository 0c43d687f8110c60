"""Hooks of MkDocs: generated pages, links to files of the repository that are not pages, and to large pictures."""

from __future__ import annotations

import io
import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from PIL import Image

import links
import notebook
from pages import HOMES, PAGES, text_of

LOGO = links.ROOT / "nst/studio/static/logo.svg"
#: Pixels of the text's column on a laptop. Wider pictures are shown smaller than they are.
COLUMN = 688


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages and their pictures, and the logo."""
    if source := files.get_file_from_path(notebook.PATH.removeprefix("docs/")):
        files.remove(source)
    for uri, page in PAGES.items():
        files.append(File.generated(config, uri, content=page.text()))
    for uri, data in notebook.pictures().items():
        files.append(File.generated(config, uri, content=data))
    files.append(File.generated(config, "assets/logo.svg", abs_src_path=str(LOGO)))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Make links into links between pages; other files are at the repository's URL, if that is known."""
    uri = page.file.src_uri
    source = PAGES[uri].source if uri in PAGES else f"docs/{uri}"

    def change(target: str) -> str | None:
        path, anchor = links.resolve(target, source)
        after = f"#{anchor}" if anchor else ""
        if home := home_of(path, anchor, files):
            return os.path.relpath(home, os.path.dirname(uri) or ".") + after  # noqa: PTH120
        if not (links.ROOT / path).exists():
            return target  # MkDocs reports it
        return f"{config.repo_url.rstrip('/')}/blob/main/{path}{after}" if config.repo_url else None

    return _unescaped(links.rewrite(markdown, change))


def on_page_content(html: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Link each picture that is wider than the text to its file, where a browser shows it in full size."""

    def linked(image: re.Match[str]) -> str:
        uri = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.dest_uri), image["src"]))
        file = next((each for each in files if each.dest_uri == uri), None)
        if file is None or (size := _size(file.content_bytes))[0] <= COLUMN:
            return image[0]
        title = f"Show the picture in full size, {size[0]} × {size[1]} px"
        return f'<a class="picture" href="{image["src"]}" title="{title}">{image[0]}</a>'

    return re.sub(r'<img\b[^>]*\bsrc="(?P<src>[^":]+\.(?:jpg|png))"[^>]*>', linked, html)


def _size(picture: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture)) as image:
        return image.size


def _unescaped(markdown: str) -> str:
    r"""The text with `a\|b` in the code of tables as `a|b`: GitHub needs the backslash there, MkDocs would show it."""
    rows = re.compile(r"^\|.*\|$", re.MULTILINE)
    return rows.sub(lambda row: re.sub(r"`[^`\n]+`", lambda code: code[0].replace("\\|", "|"), row[0]), markdown)


def home_of(path: str, anchor: str, files: Files) -> str:
    """The page or file of the site that has a file of the repository; '' if it is not part of the site."""
    homes = HOMES.get(path, (path.removeprefix("docs/"),) if path.startswith("docs/") else ())
    there = [home for home in homes if files.get_file_from_path(home)]
    if len(there) > 1 and anchor:
        there = [home for home in there if anchor in links.anchors(text_of(home))] or there
    return next(iter(there), "")


def on_post_build(config: MkDocsConfig) -> None:
    """Fail if a page would load something from another host."""
    if found := [line for path in sorted(Path(config.site_dir).rglob("*")) for line in _foreign(path)]:
        raise PluginError("the site must load nothing from other hosts:\n" + "\n".join(found))


#: Elements and rules that a browser loads without a click. Links that a reader may follow are not among them.
_LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|data|srcset)=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|<link\b(?![^>]*\brel=[\"']?(?:canonical|next|prev|alternate))[^>]*?\bhref=[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|url\([\"']?((?:https?:)?//[^\"')]+)|@import\s+[\"']((?:https?:)?//[^\"']+)"
)


def _foreign(path: Path) -> list[str]:
    if path.suffix not in (".html", ".css"):
        return []
    return [f"{path}: {next(filter(None, found))}" for found in _LOADED.findall(path.read_text("utf-8"))]
