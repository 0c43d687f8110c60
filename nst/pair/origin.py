"""What an image of ours says of its making, which is to be believed as little as the file that says it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from nst.errors import NstError


def _path(text: str) -> str:
    """A text that the system takes for a path."""
    if "\0" in text or len(os.fsencode(text)) > 4096 or any(len(os.fsencode(p)) > 255 for p in Path(text).parts):
        raise ValueError("no path")
    return text


PathText = Annotated[str, Field(min_length=1), AfterValidator(_path)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Short = Annotated[str, Field(max_length=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Input(_Part):
    """A picture that was read."""

    path: PathText
    sha256: Digest


class Style(Input):
    """A style, and its share of the blend."""

    weight: float = Field(gt=0, le=1e6)


class Weights(_Part):
    """The network's weights."""

    network: Short
    sha256: Digest


class Origin(_Part):
    """All that is needed to make an image again; `nst.pair.stylize.describe` writes it."""

    id: Short = ""
    nst: Short
    algorithm: int
    content: Input
    style: list[Style] = Field(min_length=1, max_length=1000)
    pictures: list[Input] = Field(default=[], max_length=10)
    settings: dict[str, int | float | str]
    weights: Weights
    iteration: int | None = Field(default=None, ge=1, le=10**9)

    @property
    def styles(self) -> tuple[tuple[str, float], ...]:
        """Paths of the styles and their shares."""
        return tuple((style.path, style.weight) for style in self.style)

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each input, by its path."""
        return {each.path: each.sha256 for each in (self.content, *self.style, *self.pictures)}


def origin(image: str, carried: dict[str, Any]) -> Origin:
    """What the metadata of an image says; NstError where it is not all there, or not what nst writes."""
    try:
        found = Origin.model_validate(carried)
    except ValidationError as error:
        wrong = ".".join(str(part) for part in error.errors()[0]["loc"][:3])[:60]
        raise NstError(f"{image}: carries no whole record ({wrong}); name a picture that `nst stylize` saved") from None
    if found.iteration is None:
        return found
    known = found.settings
    if known.get("scales", 1) != 1 or known.get("style_weight") == "auto":
        reason = "with scales or style_weight auto its course depends on all iterations"
        raise NstError(f"{image}: is a snapshot, and {reason}; name the finished picture")
    return found.model_copy(update={"settings": known | {"iterations": found.iteration}})
