"""The command line that stylizes one pair: the same for the workflow's rule and for bundles."""

from __future__ import annotations

from nst.grid.config import Config
from nst.grid.pairs import Pair
from nst.settings import defaults, differing, fields, flag, text


def stylize_arguments(pair: Pair, config: Config, work_folder: str) -> list[str]:
    """The arguments of `nst stylize` for a pair of a grid; URLs are replaced by the copies in the results folder.

    Whoever runs the command puts `stylize`, `--device` and `--threads` in front of them: Snakemake stylizes a pair
    again when its command line changes, and another machine is no reason for that.
    """
    local = pair.with_local_pictures(config.results)
    return [
        "--unless-done",
        "-o", pair.image(config.results, config.format),
        "--record", pair.folder(config.results),
        "--work", work_folder,
        "--id", pair.id,
        "--presets", config.presets,
        *setting_arguments(local),
        "--", local.content, *style_arguments(local),
    ]  # fmt: skip


def setting_arguments(pair: Pair) -> list[str]:
    """The flags that give a pair's settings, independent of what its preset's file contains by then."""
    given = differing(pair.settings, pair.basis) | differing(pair.settings, defaults())
    return [part for name in fields() if name in given for part in (flag(name), text(given[name]))]


def style_arguments(pair: Pair) -> list[str]:
    """The styles as `nst stylize` takes them: with their weights if there are several."""
    weights = [f":{weight:.12g}" for _, weight in pair.styles] if len(pair.styles) > 1 else [""]
    return [path + weight for (path, _), weight in zip(pair.styles, weights, strict=True)]
