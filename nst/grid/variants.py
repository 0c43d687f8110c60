"""The settings of a row: the product of its lists, with presets resolved, and their names."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any, NamedTuple

from nst import limits
from nst import settings as declared
from nst.errors import NstError, problems_of
from nst.grid.cells import split_list
from nst.grid.config import Config
from nst.grid.inputs import ColumnProblem, Files, has_control, list_hint
from nst.grid.names import settings_name, title
from nst.settings import PATHS, PICTURES, Settings, SettingsError, Wrong, nearest, presets


class Variant(NamedTuple):
    """One combination of settings."""

    settings: Settings  # the value of the cell, else of the preset, else of the configuration, else the default
    basis: Settings  # the defaults overridden by the preset
    name: str
    title: str  # the name with accents and spaces


#: The variants of a row, and its problems.
Outcome = tuple[tuple[Variant, ...], tuple[ColumnProblem, ...]]


class Variants:
    """Resolves the settings of rows. Each distinct cell and each distinct row is resolved once."""

    def __init__(self, config: Config, files: Files):
        self._config = config
        self._files = files
        self._cells: dict[tuple[str, str], tuple[list[Any], list[str]]] = {}
        self._presets: dict[str, tuple[Settings, Settings]] = {}  # (basis, inherited settings) of each preset
        self._outcomes: dict[tuple[tuple[str, str], ...], Outcome] = {}

    def of(self, cells: dict[str, str]) -> Outcome:
        """The variants of a row. `cells` may have other columns too, which are ignored."""
        key = tuple((column, cells[column]) for column in ("name", *declared.fields()) if column in cells)
        if key not in self._outcomes:
            self._outcomes[key] = self._resolve(dict(key))
        return self._outcomes[key]

    def _resolve(self, cells: dict[str, str]) -> Outcome:
        name = cells.pop("name", "")
        wrong: list[ColumnProblem] = []
        if "|" in name:
            wrong.append(
                ("name", f"{name!r} is a list; a row has one name, to which the values of its lists are appended")
            )
        if has_control(name) or len(name) > limits.NAME:
            right = f"a name is one line of at most {limits.NAME} characters"
            wrong.append(("name", f"{name!r} contains a line break or control character, or is too long; {right}"))
        parsed: dict[str, list[Any]] = {}
        for column, cell in cells.items():
            parsed[column], messages = self._cell(column, cell)
            wrong += [(column, message) for message in messages]
        choices = math.prod(map(len, parsed.values()))
        if not wrong and choices > limits.CHOICES:
            what = f"the lists have {choices:,} combinations; a row may have at most {limits.CHOICES:,}"
            wrong.append(("", f"{what}: shorten the lists"))
        if wrong:
            return (), tuple(wrong)
        lists = tuple(column for column, values in parsed.items() if len(values) > 1)
        variants = []
        for combination in itertools.product(*parsed.values()):
            chosen = dict(zip(parsed, combination, strict=True))
            try:
                variants.append(self._variant(chosen, name, lists))
            except SettingsError as error:  # values that cannot be combined
                wrong += [self._with_origin(item, chosen) for item in error.wrong]
        return tuple(variants), tuple(dict.fromkeys(wrong))

    def _with_origin(self, wrong: Wrong, chosen: dict[str, Any]) -> ColumnProblem:
        """A problem of a row, and where the values come from that the row does not have."""
        column, message = wrong.as_column()
        if not wrong.conflict:
            return column, message
        name = self._preset_name(chosen)
        preset = presets.load(name, self._config.presets).values
        message += wrong.inherited(chosen, preset, f"the preset {name}")
        return column, message + wrong.inherited({*chosen, *preset}, self._config.settings, "the configuration")

    def _preset_name(self, chosen: dict[str, Any]) -> str:
        return str(chosen.get("preset", self._config.settings.get("preset", "")))

    def _variant(self, chosen: dict[str, Any], name: str, lists: tuple[str, ...]) -> Variant:
        basis, inherited = self._inherited(self._preset_name(chosen))
        settings = declared.overlay(inherited, chosen)
        self._check_inherited(settings, chosen)
        folder_name = settings_name(settings, basis, name=name, lists=lists)
        return Variant(settings, basis, folder_name, title(name, folder_name))

    def _check_inherited(self, settings: Settings, chosen: dict[str, Any]) -> None:
        """Raise SettingsError with every file of the preset or the configuration that cannot be used."""
        inherited = ((name, getattr(settings, name)) for name in PATHS if name not in chosen)
        problems = ((name, self._path_problem(name, path)) for name, path in inherited)
        named = "(named by the preset or the configuration)"
        if wrong := [Wrong(name, f"{problem} {named}") for name, problem in problems if problem]:
            raise SettingsError(wrong)

    def _inherited(self, preset: str) -> tuple[Settings, Settings]:
        """(defaults overridden by the preset, defaults overridden by the configuration and then by the preset)."""
        if preset not in self._presets:
            given = {**presets.load(preset, self._config.presets).values, "preset": preset}
            basis = declared.defaults().model_copy(update=given)
            inherited = declared.defaults().model_copy(update={**self._config.settings, **given})
            self._presets[preset] = basis, inherited
        return self._presets[preset]

    def _cell(self, column: str, cell: str) -> tuple[list[Any], list[str]]:
        """The distinct values of a cell, and the messages for its invalid items."""
        key = (column, cell)
        if key not in self._cells:
            values: dict[Any, None] = {}
            messages = []
            try:
                items = [cell] if column in PATHS and self._files.exists(cell) else split_list(cell)
            except NstError as error:
                items, messages = [], [str(error)]
            for item in items:
                try:
                    values[self._value(column, item)] = None
                except (ValueError, NstError) as error:
                    problems = problems_of(error) if isinstance(error, NstError) else str(error).splitlines()
                    messages += [problem + self._meant(column, item) for problem in problems]
            self._cells[key] = list(values), messages
        return self._cells[key]

    def _meant(self, column: str, item: str) -> str:
        """How to write the list that an item with commas or semicolons may mean; '' if it means none."""

        def is_value(part: str) -> bool:
            try:
                self._value(column, part)
            except (ValueError, NstError):
                return False
            return True

        return list_hint(item, is_value)

    def _value(self, column: str, item: str) -> Any:
        value = declared.value(column, item)
        if column == "preset":
            self._inherited(value)  # raises NstError for a wrong preset
        if column in PATHS and (problem := self._path_problem(column, value)):
            raise NstError(problem)
        return value

    def _path_problem(self, setting: str, path: str) -> str:
        """The problem of the file that a setting names; '' without a problem or without a file."""
        if path in PATHS[setting]:
            return ""
        is_word = "/" not in path and not Path(path).suffix
        if is_word and not self._files.exists(path) and (word := nearest(path, PATHS[setting] - {""})):
            return f"there is no file {path}; did you mean {word}?"
        return self._files.picture_problem(path) if setting in PICTURES else self._files.file_problem(path)
