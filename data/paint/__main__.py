"""Paint the sample pictures: `python data/paint [NAME …]` (all of them when none is named)."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent
# The folder itself is on the path when run as `python data/paint`; the package is one level up.
sys.path[0] = str(DATA)

from PIL import Image  # noqa: E402

from paint import gallery  # noqa: E402


def save(picture: Image.Image, target: Path, quality: int) -> None:
    """Write under a temporary name and rename, so that no half-written picture is ever seen."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        picture.save(draft, format="JPEG", quality=quality, optimize=True)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    names = gallery.CONTENTS + gallery.STYLES
    parser = argparse.ArgumentParser(prog="python data/paint", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="pictures to paint: " + ", ".join(names))
    parser.add_argument("--size", type=int, default=gallery.LONG_SIDE, help="long side in pixels (%(default)s)")
    parser.add_argument("--out", type=Path, default=DATA, help="folder that holds content/ and style/")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(names))
    if unknown:
        parser.error("no picture is called " + ", ".join(unknown))
    options.names = options.names or list(names)
    return options


def main() -> None:
    """Paint what the command line asks for."""
    options = parse()
    for name in options.names:
        start = time.perf_counter()
        picture = Image.fromarray(gallery.painter(name)(options.size))
        target = options.out / gallery.kind_of(name) / f"{name}.jpg"
        save(picture, target, gallery.QUALITY)
        print(
            f"{name}: {picture.width}x{picture.height}, {target.stat().st_size // 1024} KiB, "
            f"{time.perf_counter() - start:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
