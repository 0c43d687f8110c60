"""Every setting of a stylization, declared once (`nst.settings.values`).

The manifest's columns, the flags of `nst stylize`, the JSON schema and the reference page are made from `Settings`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError, model_validator

from nst.errors import Problems
from nst.settings.checking import (
    PATHS,
    PICTURES,
    SettingsError,
    Wrong,
    allowed,
    check_consistent,
    choices,
    is_sampled,
    mask_problem,
    problems,
    uses_seed,
    wrong_settings,
)
from nst.settings.layers import LITE_LAYERS, WIDTHS, Layers, convolutions, layer_names, stride
from nst.settings.style_losses import STYLE_LOSSES, StyleLossEntry
from nst.settings.values import GROUPS, Values, fields, grouped
from nst.settings.wording import counted, decimal_point, did_you_mean, flag, is_number, nearest, number_text, text

__all__ = [
    "ADDED", "GROUPS", "INEFFECTIVE", "LITE_LAYERS", "PATHS", "PICTURES", "STYLE_LOSSES", "UNNAMED", "WIDTHS", "Layers",
    "Settings", "SettingsError", "StyleLossEntry", "Values", "Wrong", "allowed", "check_consistent", "choices",
    "convolutions", "counted", "decimal_point", "defaults", "did_you_mean", "differing", "fields", "flag", "grouped",
    "identity", "is_number", "is_sampled", "layer_names", "make", "mask_problem", "nearest", "number_text", "overlay",
    "pictures", "problems", "schema", "stride", "text", "uses_seed", "value",
]  # fmt: skip


class Settings(Values):
    """How one pair is stylized.

    Frozen, hashable; unknown names, values out of range, and values that cannot be combined raise a SettingsError.
    """

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        check_consistent(self)
        return self

    if not TYPE_CHECKING:  # type checkers and editors see the fields

        def __init__(self, **values: Any) -> None:
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise SettingsError(wrong_settings(error)) from None


#: Settings that do not change the image: two pairs that differ only in them have the same one. `preset` is among them,
#: because the image depends on the values of its settings only.
INEFFECTIVE = frozenset({"preset", "snapshot_interval", "frame_interval", "frame_rate", "end_pause", "tile"})

#: Settings whose values are not part of a pair's name: these, and the weights, which may be a path of this machine.
UNNAMED = INEFFECTIVE | {"weights"}

#: Settings that were added since `ALGORITHM` was last raised, with the value that results without them have: these stay
#: valid. Only add to it: it also completes the metadata of earlier images.
ADDED: dict[str, Any] = {}


def identity(settings: Settings) -> str:
    """The settings as JSON, for hashes that tell whether a result is of the same settings.

    Without settings of ADDED at the value there: results that were made before them stay valid.
    """
    return settings.model_dump_json(exclude={name for name, old in ADDED.items() if getattr(settings, name) == old})


def pictures(settings: Settings) -> dict[str, str]:
    """The paths of the images that settings name, by setting."""
    return {name: path for name in PICTURES if (path := getattr(settings, name)) not in PATHS[name]}


@functools.cache
def defaults() -> Settings:
    """The defaults of all settings."""
    return Settings()


def differing(settings: Settings, reference: Settings) -> dict[str, Any]:
    """The values of `settings` that differ from those of `reference`, by name, in the order of declaration."""
    return {name: value for name in fields() if (value := getattr(settings, name)) != getattr(reference, name)}


def make(values: dict[str, Any], where: str = "settings") -> Settings:
    """Settings from texts or values. Raises Problems with a line `where: NAME: …` for each wrong value."""
    try:
        return Settings(**values)
    except SettingsError as error:
        raise Problems(f"{where}: {line}" for line in error.problems) from None


def value(name: str, given: Any) -> Any:
    """The parsed value of one setting. Raises ValueError with what is wrong and what would be right."""
    try:
        return getattr(Values.model_validate({name: given}), name)
    except ValidationError as error:
        raise ValueError(problems(error)[0][1]) from None


def overlay(base: Settings, values: dict[str, Any]) -> Settings:
    """`base` with some values replaced by results of `value`. Much faster than validating all settings again.

    Raises SettingsError where the values cannot be combined.
    """
    settings = base.model_copy(update=values)
    check_consistent(settings)
    return settings


def schema() -> dict[str, Any]:
    """JSON schema of the settings."""
    return Settings.model_json_schema()
