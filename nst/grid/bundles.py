"""Pairs packed into a cluster's jobs: each holds a GPU, and one warm worker, for about the same time.

What comes out depends on the grid and the configuration alone, never on the machine: the computer that submits a job
and the node that runs it must agree on what is in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from nst.errors import NstError
from nst.grid.config import Config
from nst.grid.estimate import START_SECONDS, Hardware, estimate
from nst.grid.inputs import Files
from nst.grid.pairs import Pair
from nst.io.urls import redacted

#: Seconds that a picture takes beside its stylization: reading, judging, encoding frames.
PICTURE_SECONDS = 1.0
#: Megabytes of the Snakemakes and clients of a job.
JOB_MB = 700.0
#: Most pictures of a bundle: a lost node costs no more.
MOST = 500


@dataclass(frozen=True)
class Bundle:
    """What one job of a cluster stylizes.

    `name` changes with anything that changes one of its pictures; `seconds` are those of its stylization, `megabytes`
    the most memory that it holds, both forecasts.
    """

    name: str
    pairs: tuple[Pair, ...]
    seconds: float
    megabytes: float

    def marker(self, results: str) -> str:
        """The file that is written when all of it is stylized."""
        return f"{results}/bundles/{self.name}.json"


def bundled(pairs: Iterable[Pair], config: Config, files: Files) -> list[Bundle]:
    """Pairs in bundles of about `config.bundle` minutes, those that can be stylized together side by side."""
    groups: dict[tuple[str, tuple[int, int]], list[Pair]] = {}
    for pair in pairs:
        groups.setdefault((pair.settings_name, files.size(pair.content)), []).append(pair)
    found: list[Bundle] = []
    current: list[tuple[Pair, float, float]] = []
    seconds = 0.0
    for pair in (pair for group in groups.values() for pair in group):
        cost, memory = forecast(pair, config, files)
        if current and (seconds + cost > 60 * config.bundle or len(current) == MOST):
            found.append(_bundle(current))
            current, seconds = [], 0.0
        current.append((pair, cost, memory))
        seconds += cost
    return [*found, _bundle(current)] if current else found


def forecast(pair: Pair, config: Config, files: Files) -> tuple[float, float]:
    """(seconds, megabytes) of a picture among others on one of the cluster's GPUs, or on its CPU cores."""
    size = files.size(pair.content)
    # Of a CPU that is not known yet: one without bf16 units has less speed and needs more memory.
    hardware: Hardware = "fp32" if config.device == "cpu" else "gpu"
    seconds, megabytes = estimate(pair.settings, size, config.threads or 1, hardware)
    return seconds - START_SECONDS + PICTURE_SECONDS, megabytes


def _bundle(members: list[tuple[Pair, float, float]]) -> Bundle:
    pairs = tuple(pair for pair, _, _ in members)
    seconds = START_SECONDS + sum(seconds for _, seconds, _ in members)
    return Bundle(fingerprint(pairs), pairs, seconds, JOB_MB + max(megabytes for _, _, megabytes in members))


def find(name: str, found: Iterable[Bundle], where: str) -> Bundle:
    """The bundle of a name; NstError with a sentence about `where`, the manifest, where there is none."""
    for bundle in found:
        if bundle.name == name:
            return bundle
    raise NstError(f"{where}: has no bundle {name} now; it or the configuration has changed: start the run again")


def fingerprint(pairs: Iterable[Pair]) -> str:
    """A text that changes whenever a grid does: its pairs, their pictures or their settings."""
    digest = hashlib.sha256()
    for pair in pairs:
        line = f"{pair.id}\t{pair.content}\t{pair.styles}\t{pair.settings.model_dump_json()}\n"
        digest.update(redacted(line).encode())
    return digest.hexdigest()[:16]
