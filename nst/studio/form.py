"""What a person asks for: the fields of the form, the checks, and the manifest that they make."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from nst import settings as declared
from nst.errors import NstError
from nst.grid.config import Config
from nst.grid.estimate import estimate
from nst.grid.inputs import Files
from nst.grid.variants import Variants
from nst.settings import PATHS, Settings, allowed, choices, counted, fields, grouped, presets, text
from nst.settings.wording import duration_text

#: The settings that the form shows first.
BASIC = ("style_weight", "size", "iterations", "network", "color", "scales", "style_scale", "style_loss")
#: Settings that are no field: presets are cards, and masks are painted.
NO_FIELD = ("preset", "content_mask", "style_mask")
#: Maximum values of a setting, and characters of a value. A request may have more: the form then reports which.
VALUES, CHARACTERS = 50, 200
_MOST_VALUES, _MOST_CHARACTERS = 5000, 20_000

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=_MOST_CHARACTERS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BlendPart(_Strict):
    """A style of a blend."""

    id: Id
    weight: float = Field(1.0, gt=0, le=1000, allow_inf_nan=False)


class GridRequest(_Strict):
    """A grid as the browser describes it. Images are ids of uploads; settings are texts."""

    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    contents: list[Id] = Field(max_length=200)
    styles: list[Annotated[list[BlendPart], Field(min_length=1, max_length=8)]] = Field(max_length=200)
    settings: dict[str, Annotated[list[Text], Field(max_length=_MOST_VALUES)]] = Field(default={}, max_length=100)
    masks: dict[Id, Id] = Field(default={}, max_length=200)

    @property
    def uploads(self) -> list[str]:
        """The ids of all images, each once."""
        parts = [part.id for blend in self.styles for part in blend]
        return list(dict.fromkeys([*self.contents, *parts, *self.masks.values()]))


@dataclass(frozen=True)
class Forecast:
    """What a request would make."""

    images: int
    seconds: float
    text: str
    problems: list[tuple[str, str]]  # (setting or '', message)


def parse(given: Any) -> GridRequest:
    """The request of a JSON value. Raises NstError for one that our pages never send."""
    try:
        return GridRequest.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise NstError(f"the request cannot be read ({place}: {first['msg']}); reload the page") from None


def forecast(request: GridRequest, sizes: Mapping[str, tuple[int, int]], cores: int, most: int) -> Forecast:
    """How many images a request makes, in about what time, and its problems.

    Args:
        sizes: (width, height) of each content by its id.
        most: images of one run.
    """
    values = given(request)
    problems = [(name, message) for name, texts in values.items() for message in _refused(name, texts)]
    problems += [
        (name, f"add a {name.removesuffix('s')} image") for name in ("contents", "styles") if not getattr(request, name)
    ]
    if any(len({part.id for part in blend}) < len(blend) for blend in request.styles):
        problems.append(("styles", "an image is twice in one blend; give it once, with one weight"))
    asked = len(request.contents) * len(request.styles) * math.prod(map(len, values.values()))
    if asked > most:
        problems.append(("", f"this makes {asked:,} images, and a run has at most {most:,}; give fewer values"))
    variants: Sequence[Settings] = ()
    if not problems:
        variants, problems = _resolved(values)
    images = len(request.contents) * len(request.styles) * len(variants)
    seconds = sum(
        estimate(s, sizes[content], cores, styles=len(blend))[0]
        for content in request.contents
        for blend in request.styles
        for s in variants
    )
    return Forecast(images, seconds, _counted(request, len(variants), seconds), problems)


def manifest(request: GridRequest, names: Mapping[str, str], settings: Mapping[str, Iterable[str]]) -> str:
    """The manifest of a request as CSV.

    Args:
        names: the path of each upload in the folder of the run, by its id.
        settings: values of each setting, as `given` makes them.
    """
    masked: dict[str, list[str]] = {}  # contents by the path of their mask
    for content in request.contents:
        mask = request.masks.get(content, "")
        masked.setdefault(names[mask] if mask else "", []).append(names[content])
    styles = "|".join(_blend(blend, names) for blend in request.styles)
    columns = ["content", "style", *settings, *(["content_mask"] if any(masked) else [])]
    lists = ["|".join(values) for values in settings.values()]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for mask, contents in masked.items():
        writer.writerow(["|".join(contents), styles, *lists, *([mask] if any(masked) else [])])
    return file.getvalue()


def given(request: GridRequest) -> dict[str, list[str]]:
    """The values of each setting that a request gives."""
    return {name: texts for name, texts in request.settings.items() if texts}


@cache
def field_groups() -> list[dict[str, Any]]:
    """The fields of the form by group, from the declaration of the settings."""
    groups = [(title, [name for name in names if name not in NO_FIELD]) for title, names in grouped().items()]
    return [{"title": title, "fields": [_field(name) for name in names]} for title, names in groups]


def preset_cards() -> list[dict[str, Any]]:
    """Name, description and values of each preset that comes with the package."""
    loaded = [presets.load(path.stem, presets.SHIPPED) for path in sorted(presets.SHIPPED.glob("*.yaml"))]
    return [
        {"name": p.name, "description": p.description, "values": {name: text(v) for name, v in p.values.items()}}
        for p in loaded
    ]


def _field(name: str) -> dict[str, Any]:
    info = fields()[name]
    options = list(choices(name)) or _named(name)
    kinds: dict[object, str] = {int: "whole", float: "number"}
    return {
        "name": name,
        "help": info.description or "",
        "kind": "choice" if options else kinds.get(info.annotation, "text"),
        "choices": options,
        "default": text(info.default),
        "unit": (info.json_schema_extra or {}).get("unit", "") if isinstance(info.json_schema_extra, dict) else "",
        "allowed": f"one of {', '.join(options)}" if options else allowed(name),
    }


def _named(name: str) -> list[str]:
    """The values of a setting that may be a path, without paths: these are never taken from a client."""
    return [value for value in sorted(PATHS[name]) if value] if name in PATHS else []


def _refused(name: str, given: list[str]) -> list[str]:
    """Messages about a setting that a client may not give, or values that are paths or several in one."""
    if name not in fields() or name in NO_FIELD:
        return ["there is no such setting"]
    if len(given) > VALUES:
        return [f"has {len(given):,} values; give at most {VALUES}"]
    if (longest := max(map(len, given))) > CHARACTERS:
        return [f"a value has {longest:,} characters; give at most {CHARACTERS}"]
    messages = [f"{value!r}: give the values one by one" for value in given if "|" in value]
    if options := _named(name):
        messages += [
            f"{value!r} is not allowed; use one of {', '.join(options)}" for value in given if value not in options
        ]
    return messages


def _resolved(values: Mapping[str, list[str]]) -> tuple[list[Settings], list[tuple[str, str]]]:
    """The settings of each combination, and the problems, as the grid itself finds them."""
    resolver = Variants(Config(presets=str(presets.SHIPPED)), Files())
    variants, wrong = resolver.of({name: "|".join(given) for name, given in values.items()})
    return [variant.settings for variant in variants], list(wrong)


def _counted(request: GridRequest, variants: int, seconds: float) -> str:
    """2 contents × 3 styles × 1 settings = 6 images, about 4 min."""
    contents, styles = len(request.contents), len(request.styles)
    images = contents * styles * variants
    factors = [counted(contents, "content"), counted(styles, "style")]
    factors += [f"{variants:,} settings"] if variants > 1 else []
    return f"{' × '.join(factors)} = {counted(images, 'image')}, about {duration_text(seconds)}"


def _blend(blend: Sequence[BlendPart], names: Mapping[str, str]) -> str:
    if len(blend) == 1:
        return names[blend[0].id]
    return "+".join(f"{names[part.id]}:{declared.number_text(part.weight)}" for part in blend)
