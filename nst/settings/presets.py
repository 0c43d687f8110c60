"""Presets: named groups of settings.

The preset NAME is the file `NAME.yaml` in the presets folder of the working directory or, failing that, in
the package. It holds a `description` and `settings`, which cells of the manifest and flags override.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nst.errors import NstError, Problems
from nst.io.files import is_file, is_folder
from nst.io.yaml_file import read_mapping, without_empty
from nst.settings import Values, did_you_mean, problems

#: Default folder of the user's presets.
FOLDER = "config/presets"

#: Presets that come with the package.
SHIPPED = Path(__file__).parent / "shipped"


@dataclass(frozen=True)
class Preset:
    """A named group of values of some settings."""

    name: str
    description: str = ""
    values: dict[str, Any] = field(default_factory=dict)


def names(folder: str | Path = FOLDER) -> list[str]:
    """The names of all presets, the user's and the package's, sorted."""
    return sorted({path.stem for each in (folder, SHIPPED) if is_folder(each) for path in Path(each).glob("*.yaml")})


def load(name: str, folder: str | Path = FOLDER) -> Preset:
    """Read a preset; '' is the empty one.

    Raises NstError for an unknown name or an unreadable file, and Problems with a line `FILE: KEY: …` for
    each mistake in the file.
    """
    if not name:
        return Preset("")
    path = next((p for each in (Path(folder), SHIPPED) if is_file(p := each / f"{name}.yaml")), None)
    if path is None:
        known = names(folder)
        others = f"; the presets are {', '.join(known) or 'none'}, and {folder}/{name}.yaml would add it"
        raise NstError(f"there is no preset {name!r}{did_you_mean(name, known) or others}")
    return _checked(name, path)


def _checked(name: str, path: Path) -> Preset:
    content = read_mapping(path)
    wrong = [
        f"{path}: {key}: no such key{did_you_mean(key, ('description', 'settings'))}; "
        "a preset has a description and settings"
        for key in content
        if key not in ("description", "settings")
    ]
    settings = content.get("settings", {})
    values: dict[str, Any] = {}
    if not isinstance(settings, dict):
        wrong.append(f"{path}: settings: is not a mapping; write a `setting: value` line for each")
    elif "preset" in settings:
        wrong.append(f"{path}: settings.preset: a preset cannot build on another; write its settings out")
    else:
        try:
            values = partial(settings)
        except ValidationError as error:
            wrong += [f"{path}: settings.{key}: {message}" for key, message in problems(error)]
    if wrong:
        raise Problems(wrong)
    return Preset(name, str(content.get("description", "")).strip(), values)


def partial(given: dict[Any, Any]) -> dict[str, Any]:
    """The checked values of the settings that are given, as YAML gives them; raises a ValidationError."""
    texts = {name: yes_or_no(value) for name, value in without_empty(given).items()}
    settings = Values.model_validate(texts)
    return {name: getattr(settings, name) for name in texts}


def yes_or_no(value: Any) -> Any:
    """`yes` or `no` for a boolean, because YAML 1.1 reads a bare `yes` as true; other values unchanged."""
    return ("no", "yes")[value] if isinstance(value, bool) else value
