"""Bundles: pairs grouped into cluster jobs of about the same duration. A job uses one GPU and one worker.

The bundles depend only on the grid and the configuration, never on the machine: the computer that submits a job and the
node that runs it must compute the same bundles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from nst import layout
from nst.errors import NstError
from nst.grid.config import Config
from nst.grid.estimate import START_SECONDS, Hardware, estimate
from nst.grid.inputs import Files
from nst.grid.pairs import Pair
from nst.io.urls import redacted
from nst.settings import identity

#: Seconds per image besides its optimization: reading, metrics, encoding frames.
PICTURE_SECONDS = 1.0
#: Megabytes of a job besides its images in progress: Snakemake, `nst bundle`, and the images that the worker keeps.
JOB_MB = 700.0
#: Maximum number of images in a bundle, so that losing a node costs no more.
MAX_IMAGES = 500


@dataclass(frozen=True)
class Bundle:
    """The pairs of one cluster job.

    `name` is a hash of everything that determines its images. `seconds` and `megabytes` are estimates of its duration
    and peak memory.
    """

    name: str
    pairs: tuple[Pair, ...]
    seconds: float
    megabytes: float

    def marker(self, results: str) -> str:
        """The file that is written when all pairs are stylized."""
        return layout.bundle_marker(results, self.name)


def bundled(pairs: Iterable[Pair], config: Config, files: Files) -> list[Bundle]:
    """The pairs in bundles of about `config.bundle` minutes. Pairs that can share a batch are next to each other."""
    groups: dict[tuple[str, tuple[int, int]], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault((pair.settings_name, files.size(pair.content)), []).append(pair)
    bundles: list[Bundle] = []
    current: list[tuple[Pair, float, float]] = []
    seconds = 0.0
    for pair in (pair for group in groups.values() for pair in group):
        cost, memory = forecast(pair, config, files)
        if current and (seconds + cost > 60 * config.bundle or len(current) == MAX_IMAGES):
            bundles.append(_bundle(current, config.format))
            current, seconds = [], 0.0
        current.append((pair, cost, memory))
        seconds += cost
    return [*bundles, _bundle(current, config.format)] if current else bundles


def forecast(pair: Pair, config: Config, files: Files) -> tuple[float, float]:
    """Estimated (seconds, megabytes) of one image of a bundle, on a cluster's GPU or CPU cores."""
    size = files.size(pair.content)
    # The CPU is not known yet: assume the slower kind, without bf16 units, which also needs more memory.
    hardware: Hardware = "fp32" if config.device == "cpu" else "gpu"
    seconds, megabytes = estimate(pair.settings, size, config.threads or 1, hardware, styles=len(pair.styles))
    return seconds - START_SECONDS + PICTURE_SECONDS, megabytes


def _bundle(members: list[tuple[Pair, float, float]], format: str) -> Bundle:
    pairs = tuple(pair for pair, _, _ in members)
    seconds = START_SECONDS + sum(seconds for _, seconds, _ in members)
    name = fingerprint(pairs, "" if format == "png" else format)  # bundles of PNGs keep the names that they had
    return Bundle(name, pairs, seconds, JOB_MB + max(megabytes for _, _, megabytes in members))


def find(name: str, bundles: Iterable[Bundle], where: str) -> Bundle:
    """The bundle with this name; raises NstError if there is none. `where`: the path of the manifest, for messages."""
    for bundle in bundles:
        if bundle.name == name:
            return bundle
    raise NstError(
        f"{where}: has no bundle {name} now: the manifest or the configuration has changed; start the run again"
    )


def fingerprint(pairs: Iterable[Pair], format: str = "") -> str:
    """A hash of the pairs: their ids, image paths and settings; and of the format of their images, if given."""
    digest = hashlib.sha256(format.encode())
    for pair in pairs:
        line = f"{pair.id}\t{pair.content}\t{pair.styles}\t{identity(pair.settings)}\n"
        digest.update(redacted(line).encode())
    return digest.hexdigest()[:16]
