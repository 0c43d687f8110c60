"""Validation of the metadata in an image made by nst. An image may come from anyone, so its metadata is not trusted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from nst.errors import NstError
from nst.machine.cpu import MAX_THREADS
from nst.settings import ADDED, STYLE_LOSSES


def _path(text: str) -> str:
    """The text; raises ValueError if it cannot be a path."""
    if "\0" in text or len(os.fsencode(text)) > 4096 or any(len(os.fsencode(p)) > 255 for p in Path(text).parts):
        raise ValueError("not a path")
    return text


PathText = Annotated[str, Field(min_length=1), AfterValidator(_path)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Short = Annotated[str, Field(max_length=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Input(_Part):
    """An input image."""

    path: PathText
    sha256: Digest


class Style(Input):
    """A style and its weight in the blend."""

    weight: float = Field(gt=0, le=1e6)


class Weights(_Part):
    """The network's weights."""

    network: Short
    sha256: Digest


class Origin(_Part):
    """Everything that is needed to reproduce an image; `nst.pair.stylize.describe` writes it."""

    id: Short = ""
    nst: Short
    algorithm: int
    content: Input
    style: list[Style] = Field(min_length=1, max_length=1000)
    pictures: list[Input] = Field(default=[], max_length=10)
    settings: dict[str, int | float | str]
    weights: Weights
    iteration: int | None = Field(default=None, ge=1, le=10**9)
    threads: int | None = Field(default=None, ge=1, le=MAX_THREADS)

    @property
    def styles(self) -> tuple[tuple[str, float], ...]:
        """Paths and weights of the styles."""
        return tuple((style.path, style.weight) for style in self.style)

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each input, by its path."""
        return {each.path: each.sha256 for each in (self.content, *self.style, *self.pictures)}


def origin(image: str, metadata: dict[str, Any]) -> Origin:
    """The validated metadata of an image. Raises NstError if it is incomplete, or not written by nst."""
    try:
        validated = Origin.model_validate(metadata)
    except ValidationError as error:
        wrong = ".".join(str(part) for part in error.errors()[0]["loc"][:3])[:60]
        raise NstError(
            f"{image}: its metadata is incomplete or invalid ({wrong}); give an image that `nst stylize` saved"
        ) from None
    settings = ADDED | validated.settings  # of an image that was made before some settings
    if validated.iteration is None:
        return validated.model_copy(update={"settings": settings})
    loss = STYLE_LOSSES.get(str(settings.get("style_loss")))
    if settings.get("scales", 1) != 1 or settings.get("style_weight") == "auto" or (loss and loss.final):
        reason = "with scales, style_weight auto or style_loss nnst it depends on the total number of iterations"
        raise NstError(f"{image}: is a snapshot, and {reason}; give the finished image")
    return validated.model_copy(update={"settings": settings | {"iterations": validated.iteration, "tolerance": 0}})
