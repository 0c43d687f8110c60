"""The configuration and the grid, read once when Snakemake starts."""

import gc
import re
from pathlib import Path

from nst.errors import NstError
from nst.grid import plan
from nst.grid.bundles import bundled
from nst.grid.config import load_config
from nst.grid.groups import side_by_side
from nst.grid.inputs import Files
from nst.grid.pairs import read_grid
from nst.io.urls import redacted
from nst.machine.workers import set_worker_owner
from snakemake.exceptions import WorkflowError

# The jobs of a large grid are millions of objects that live until the end. With Python's default thresholds, garbage
# collection took a seventh of the time of a dry run of 10,000 pairs.
gc.set_threshold(200_000, 20, 100)


def checked(function, *arguments):
    """Call the package; its errors become messages without a traceback."""
    try:
        return function(*arguments)
    except NstError as error:
        raise WorkflowError(redacted(str(error))) from None


def group_names(pairs):
    """Ids of the pairs of each sheet: by settings-name, and by `content--style` for sweeps."""
    matrices, sweeps = side_by_side(
        (pair.content_name, pair.style_name, pair.settings_name) for pair in pairs
    )
    ids = [pair.id for pair in pairs]
    return (
        {name: [ids[i] for i in members] for name, members in matrices.items()},
        {
            "--".join(names): [ids[i] for i in members]
            for names, members in sweeps.items()
        },
    )


FILES = Files()
CONFIG = checked(load_config, config)
set_worker_owner(CONFIG.worker)
PAIRS = {pair.id: pair for pair in checked(read_grid, CONFIG.manifest, CONFIG, FILES)}
MATRICES, SWEEPS = group_names(PAIRS.values())
URLS = plan.urls_to_fetch(PAIRS.values(), CONFIG.results)
# The bundles of pairs by name, each a cluster job; empty if each pair is a separate job.
BUNDLES = (
    {bundle.name: bundle for bundle in bundled(PAIRS.values(), CONFIG, FILES)}
    if CONFIG.bundle
    else {}
)
BUNDLE_OF = {pair.id: name for name, bundle in BUNDLES.items() for pair in bundle.pairs}
