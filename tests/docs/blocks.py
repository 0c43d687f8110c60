"""The fenced blocks of a Markdown page, and a folder in which its commands run as a reader's would, on tiny images.

Blocks of `sh` and `python` run in the order of the page, in one folder. A block with a title, such as
```` ```csv title="mine.csv" ````, is written to that file. `<!-- not run: REASON -->` before a block skips it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
RUN = frozenset({"sh", "python"})
SMALL = ("--size", "96", "--iterations", "8")  # enough for four scales
TIMEOUT = 300

_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<mark>.*?) -->\n\s*)?^(?P<indent> *)```(?P<language>[\w-]*)(?P<rest>[^\n]*)\n(?P<code>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
#: Images of a reader, by what they are copies of.
_OWN = {
    "photo.jpg": "content/lake", "painting.jpg": "style/wave", "wave.jpg": "style/wave", "scream.jpg": "style/swirls",
    "photos/lake.jpg": "content/lake", "paintings/swirls.jpg": "style/swirls",
    "paintings/wave.jpg": "style/wave",
    "monet/one.jpg": "style/pointillism", "monet/two.jpg": "style/cubism", "portrait.jpg": "content/portrait",
}  # fmt: skip
#: The placeholder of a clone's path in documents, and the clone.
_CLONE = ("CLONE/", f"{ROOT}/")
_DEMO = "content,style,style_weight\ndata/content/lake.jpg,data/style/wave.jpg,4|16\n"
#: Before a block of Python: the same call with a smaller image.
_SMALLER = """
import nst.api
for name in ("stylize", "stylize_files"):
    def small(*images, _call=getattr(nst.api, name), **settings):
        return _call(*images, **settings | {"size": 96, "iterations": 8})
    setattr(nst.api, name, small)
"""


@dataclass(frozen=True)
class Block:
    """A fenced block and its line in the page."""

    language: str
    code: str
    line: int
    title: str = ""
    reason: str = ""
    """Why it is not run; '' if it is."""


def blocks_of(text: str) -> list[Block]:
    """The blocks of a page that are run, written or marked."""
    return [_block(text, found) for found in _BLOCK.finditer(text)]


def _block(text: str, found: re.Match[str]) -> Block:
    title = re.search(r'title="([^"]+)"', found["rest"])
    reason = re.fullmatch(r"not run: (.+)", found["mark"] or "")
    return Block(
        found["language"],
        re.sub(rf"(?m)^{found['indent']}", "", found["code"]).replace(*_CLONE),
        text.count("\n", 0, found.start("language")) + 1,
        title[1] if title else "",
        reason[1] if reason else "",
    )


class Reader:
    """A reader in a folder like a clone of the repository, with a few images."""

    def __init__(self, folder: Path):
        self.folder = self.here = folder / "clone"
        self._state = folder / "state"
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{_hook(folder / 'hook')}:{ROOT}",
            "NST_WORKER": "yes",  # loads the networks once
            "NST_WORKER_OWNER": str(os.getpid()),
        }
        _prepare(self.folder)

    def do(self, block: Block) -> str:
        """Run or write a block. Returns what went wrong, '' if nothing did."""
        if block.title:
            path = self.here / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code)
        elif block.language in RUN:
            return self._run(block)
        return ""

    def _run(self, block: Block) -> str:
        if block.language == "python":
            command = [sys.executable, "-c", _SMALLER + block.code]
        else:  # the next block begins where this one ends
            command = ["bash", "-euo", "pipefail", "-c", f"{block.code}\npwd >{self._state}"]
        try:
            run = subprocess.run(
                command, cwd=self.here, env=self.environment, timeout=TIMEOUT, text=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as expired:
            return f"still running after {TIMEOUT} s:\n{expired.output}"
        if run.returncode == 0 and self._state.exists():
            self.here = Path(self._state.read_text().strip())
        return f"exit code {run.returncode}:\n{run.stdout}" if run.returncode else ""


def _hook(folder: Path) -> Path:
    """A folder for PYTHONPATH: nst makes small images with few iterations, and runs on a cluster are dry runs."""
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(_HOOK)
    return folder


_HOOK = f"""
import os, sys
words = sys.orig_argv[1:]
name = words[1] if words[:1] == ["-m"] and len(words) > 1 else os.path.basename(words[0]) if words else ""
given, more = sys.argv[1:], []
if name == "nst" and given[:1] in (["stylize"], ["reproduce"]):
    more = {[*SMALL]}
elif name == "snakemake" and any("profiles/slurm" in word for word in given):
    more = ["--dry-run", "--quiet"]
end = given.index("--") if "--" in given else len(given)
sys.argv[1:] = [*given[:end], *more, *given[end:]]
"""


def _prepare(folder: Path) -> None:
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "Snakefile", folder)  # no links: a block may write there
    for name in ("config", "workflow", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "config/manifest.csv").write_text(_DEMO)  # `make demo` runs the real one
    shutil.copytree(ROOT / "data", folder / "data", ignore=shutil.ignore_patterns("paint"))
    for path in (folder / "data").rglob("*.jpg"):
        _shrink(path, path)
    for place in (folder, folder / "my-grid"):
        for name, source in _OWN.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            _shrink(folder / f"data/{source}.jpg", place / name)
        (place / "mine.csv").write_text("content,style\nphotos/lake.jpg,paintings/*\n")


def _shrink(source: Path, target: Path) -> None:
    with Image.open(source) as image:
        image.thumbnail((160, 160))
        image.save(target)
