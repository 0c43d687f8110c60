"""nst: neural style transfer for many pairs of images (Gatys, Ecker & Bethge, arXiv:1508.06576).

`nst.stylize(content, style)` returns an image, `nst.stylize_files(content, style, output)` writes one to a file,
`nst.evaluate(image, content, style)` measures one, and `nst.read_grid(manifest)` expands a manifest. The command `nst`
and the Snakemake workflow use the same code.

`import nst` imports neither torch nor another heavy package. If it comes before `import torch`, it also limits how long
torch's idle threads spin (`nst.machine.openmp`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nst.machine.openmp import limit_spinning
from nst.version import ALGORITHM, __version__

_HOMES = {
    "Settings": "nst.settings",
    "Config": "nst.grid.config",
    "Pair": "nst.grid.pairs",
    "read_grid": "nst.grid.pairs",
    "Stylized": "nst.api",
    "stylize": "nst.api",
    "stylize_files": "nst.api",
    "evaluate": "nst.api",
    "Metrics": "nst.metrics",
    "Progress": "nst.engine.stylization",
    "NstError": "nst.errors",
}
__all__ = [
    "ALGORITHM", "Config", "Metrics", "NstError", "Pair", "Progress", "Settings", "Stylized", "__version__", "evaluate",
    "read_grid", "stylize", "stylize_files",
]  # fmt: skip

if TYPE_CHECKING:
    from nst.api import Stylized, evaluate, stylize, stylize_files
    from nst.engine.stylization import Progress
    from nst.errors import NstError
    from nst.grid.config import Config
    from nst.grid.pairs import Pair, read_grid
    from nst.metrics import Metrics
    from nst.settings import Settings


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nst' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__


limit_spinning()
