"""The configuration and the grid, read once when Snakemake starts."""

import gc
import re
from pathlib import Path

from nst.errors import NstError
from nst.grid.bundles import bundled
from nst.grid.config import load_config
from nst.grid.groups import side_by_side
from nst.grid.inputs import Files, is_url, local
from nst.grid.pairs import read_grid
from nst.io.urls import pass_secrets, redacted
from nst.worker import protocol
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


def find_urls(pairs, results):
    """URLs that are not fetched yet, without passwords and signatures, by the names of their copies.

    Once a copy exists, the run no longer contacts the image's server.
    """
    urls = {path for pair in pairs for path in pair.pictures if is_url(path)}
    copies = {Path(local(url, results)): url for url in sorted(urls)}
    missing = {copy.name: url for copy, url in copies.items() if not copy.exists()}
    for url in missing.values():
        pass_secrets(url)
    return {name: redacted(url) for name, url in missing.items()}


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
protocol.set_worker_owner(CONFIG.worker)
PAIRS = {pair.id: pair for pair in checked(read_grid, CONFIG.manifest, CONFIG, FILES)}
MATRICES, SWEEPS = group_names(PAIRS.values())
URLS = find_urls(PAIRS.values(), CONFIG.results)
# The bundles of pairs by name, each a cluster job; empty if each pair is a separate job.
BUNDLES = (
    {bundle.name: bundle for bundle in bundled(PAIRS.values(), CONFIG, FILES)}
    if CONFIG.bundle
    else {}
)
BUNDLE_OF = {pair.id: name for name, bundle in BUNDLES.items() for pair in bundle.pairs}
