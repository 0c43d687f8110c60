"""The training plan, and its schedule by time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from nst.errors import Problems
from nst.io.yaml_file import read_mapping
from nst.settings import LITE_LAYERS


def _layer(name: str) -> str:
    if name not in LITE_LAYERS:
        raise ValueError(f"lite is not trained at {name}; use {', '.join(LITE_LAYERS)}")
    return name


Share = Annotated[float, Field(ge=0, le=1)]
Coefficients = dict[Annotated[str, AfterValidator(_layer)], NonNegativeFloat]


class Stage(BaseModel):
    """A part of the training.

    Attributes:
        until: share of the time at which it ends. side: of the crops, px. batch: triples of picture, content and style
            per step. buffer: triples kept for reuse. stylized: share of the pictures that the student has optimized.
        learning_rate: Muon's; Adam's is twice as large. gradient_coefficient: of the gradients' error; 0 omits it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    until: Share
    side: Annotated[int, Field(ge=16)]  # conv5_1 has one entry
    batch: PositiveInt
    buffer: PositiveInt
    stylized: Share
    learning_rate: NonNegativeFloat
    gradient_coefficient: NonNegativeFloat


class Plan(BaseModel):
    """How to train: train.yaml.

    Attributes:
        seconds: of training, all runs together. stages: in turn. reuse: steps per new batch of samples. warm_up: steps
            in which the learning rate rises. decay: last share of the time, in which it falls to 0.
        feature_coefficients, gram_coefficients: of the relative errors by layer; 1 where a layer is not named.
        clip: largest norm of the gradient. average: decay of the moving average of the weights per step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    seconds: PositiveFloat
    stages: Annotated[list[Stage], Field(min_length=1)]
    reuse: PositiveInt
    warm_up: PositiveInt
    decay: Annotated[float, Field(gt=0, le=1)]
    feature_coefficients: Coefficients = {}
    gram_coefficients: Coefficients = {}
    clip: PositiveFloat
    average: Share

    @model_validator(mode="after")
    def _consistent(self) -> Plan:
        ends = [stage.until for stage in self.stages]
        if ends != sorted(set(ends)) or ends[-1] != 1:
            raise ValueError(f"until must rise from stage to stage and end at 1, not {ends}")
        if any(stage.buffer < stage.batch for stage in self.stages):
            raise ValueError("buffer must hold at least a batch")
        return self

    @classmethod
    def read(cls, path: Path, seconds: float | None = None) -> Plan:
        """The plan in a YAML file, on request with another time. Raises Problems that name the file and each key."""
        try:
            return cls(**read_mapping(path) | ({} if seconds is None else {"seconds": seconds}))
        except ValidationError as error:
            raise Problems(
                f"{path}: {'.'.join(map(str, e['loc'])) or 'stages'}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            ) from None

    def rate(self, step: int, progress: float) -> float:
        """Factor of the learning rate: rises linearly with the steps, then falls linearly with the time to 0."""
        return min(1.0, (step + 1) / self.warm_up, max(0.0, (1 - progress) / self.decay))

    def coefficient(self, error: str) -> float:
        """The coefficient of an error by its name: `feature:LAYER` or `gram:LAYER`."""
        kind, _, layer = error.partition(":")
        return {"feature": self.feature_coefficients, "gram": self.gram_coefficients}[kind].get(layer, 1.0)


class Schedule:
    """Progress through a plan's time, which is counted over all runs.

    Args:
        spent: seconds that earlier runs took. clock: seconds since any fixed moment.
    """

    def __init__(self, plan: Plan, spent: float = 0.0, clock: Callable[[], float] = time.monotonic):
        self._seconds, self._clock = plan.seconds, clock
        self._origin = clock() - spent

    def spent(self) -> float:
        """Seconds of training so far, in all runs."""
        return self._clock() - self._origin

    def progress(self) -> float:
        """Share of the time that is spent; 1 or more at the end."""
        return self.spent() / self._seconds
