"""The list of all pictures: what each is called, where it goes and who paints it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np

CONTENTS = ("lake", "harbour", "still_life", "portrait", "street")
STYLES = ("swirls", "pointillism", "cubism", "wave", "stained_glass", "geometric")
LONG_SIDE = 768
QUALITY = 90

Painter = Callable[[int], np.ndarray]


def kind_of(name: str) -> str:
    """Folder of a picture under `data/`: 'content' or 'style'."""
    return "content" if name in CONTENTS else "style"


def painter(name: str) -> Painter:
    """The function that paints `name`: it takes the long side in pixels and returns an 8-bit picture."""
    if name not in CONTENTS + STYLES:
        raise KeyError(f"no picture is called {name!r}")
    folder = "contents" if name in CONTENTS else "styles"
    # Imported only when asked for, so that painting one picture does not load the others.
    return import_module(f"paint.{folder}.{name}").paint
