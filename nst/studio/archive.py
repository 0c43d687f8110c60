"""ZIP files of results and of what makes them, written while they are sent."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from zipstream import ZIP_DEFLATED, ZIP_STORED, ZipStream

from nst.grid.pairs import Pair
from nst.studio.progress import image_of
from nst.studio.runs import CONFIG, IMAGES, MANIFEST, StudioRun

#: The command that makes a run from its recipe.
COMMAND = f"nst run --config {CONFIG}"

_README = f"""This folder makes the images of a run of nst studio on the command line.

1. Install nst with its workflow, in a clone of its repository:
       pip install -e ".[workflow]"
2. In this folder:
       {COMMAND}

`nst grid manifest.csv` shows the images, their time and their memory before anything runs.
"""


def recipe_name(run: StudioRun) -> str:
    return f"nst-{run.id}"


def results(run: StudioRun, pairs: Iterable[Pair], *, settings: bool = True) -> Iterator[bytes]:
    """The finished images of some pairs, with the names of the pairs.

    Args:
        settings: whether names and metadata contain the settings.
    """
    stream = ZipStream(compress_type=ZIP_STORED, sized=False)  # images are compressed
    for number, pair in enumerate(pairs, 1):
        image = image_of(run, pair)
        name = f"{pair.content_name}--{pair.style_name}--{pair.settings_name if settings else number}{image.suffix}"
        if not image.is_file():
            continue
        if settings:
            stream.add_path(image, name)
        else:
            stream.add(without_text(image), name)
    return iter(stream)


def without_text(image: Path) -> Iterator[bytes]:
    """The bytes of a PNG without the text in which nst stores settings and inputs."""
    with image.open("rb") as file:
        yield file.read(8)
        while len(header := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", header)
            chunk = header + file.read(length + 4)
            if kind not in (b"iTXt", b"tEXt", b"zTXt"):
                yield chunk


def recipe(run: StudioRun) -> Iterator[bytes]:
    """Manifest, configuration and input images of a run, and how to make it on the command line."""
    stream, name = ZipStream(compress_type=ZIP_DEFLATED), recipe_name(run)
    for file in (MANIFEST, CONFIG, *sorted(f"{IMAGES}/{path.name}" for path in (run.folder / IMAGES).iterdir())):
        stream.add_path(run.folder / file, f"{name}/{file}")
    stream.add(_README, f"{name}/README.txt")
    return iter(stream)
