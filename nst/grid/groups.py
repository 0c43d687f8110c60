"""Which pairs are shown side by side: on one sheet, and in one plot of losses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

#: Positions of pairs by settings-name, and by (content-name, style-name).
Groups = tuple[dict[str, list[int]], dict[tuple[str, str], list[int]]]


def side_by_side(names: Iterable[tuple[str, str, str]]) -> Groups:
    """The groups of pairs, given the (content-name, style-name, settings-name) of each.

    Returns the pairs with the same settings, and the sweeps: pairs of the same content and style with several settings.
    A pair that is alone with its settings but part of a sweep is only in the sweep.
    """
    by_settings: defaultdict[str, list[int]] = defaultdict(list)
    by_pictures: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for position, (content, style, settings) in enumerate(names):
        by_settings[settings].append(position)
        by_pictures[content, style].append(position)
    sweeps = {names: members for names, members in by_pictures.items() if len(members) > 1}
    swept = {position for members in sweeps.values() for position in members}
    matrices = {name: members for name, members in by_settings.items() if len(members) > 1 or members[0] not in swept}
    return matrices, sweeps
