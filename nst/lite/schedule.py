"""The training plan, and the schedule, which is by time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.types import NonNegativeFloat, PositiveFloat, PositiveInt

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
    """A stage of the training.

    Attributes:
        until: share of the training time at which the stage ends. side: of the crops, px.
        batch: triples of image, content and style per step. buffer: capacity of the buffer in triples.
        stylized: share of the images that were optimized on the student's features.
        learning_rate: of Muon; that of Adam is twice as large.
        gradient_coefficient: of the gradients' error; 0: the error is not computed.
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
    """The training plan, as in train.yaml.

    Attributes:
        seconds: of training, in all runs. stages: in order. reuse: steps per new batch of samples.
        warm_up: steps over which the learning rate rises. decay: last share of the time, over which it falls to 0.
        feature_coefficients, gram_coefficients: of the relative errors by layer; 1 for layers not listed.
        clip: upper bound of the gradient's norm. average: decay of the moving average of the weights per step.
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
            raise ValueError("buffer must be at least batch")
        return self

    @classmethod
    def read(cls, path: Path, seconds: float | None = None) -> Plan:
        """The plan in a YAML file; seconds: replaces its time. Raises Problems, which name the file and each key."""
        try:
            return cls(**read_mapping(path) | ({} if seconds is None else {"seconds": seconds}))
        except ValidationError as error:
            raise Problems(
                f"{path}: {'.'.join(map(str, e['loc'])) or 'stages'}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            ) from None

    def rate(self, step: int, progress: float) -> float:
        """Factor of the learning rate, 0..1: it rises linearly with the steps, and falls linearly to 0 with the time.

        progress: share of the training time, 0..1.
        """
        return min(1.0, (step + 1) / self.warm_up, max(0.0, (1 - progress) / self.decay))

    def coefficient(self, error: str) -> float:
        """The coefficient of an error by its name: `feature:LAYER` or `gram:LAYER`."""
        kind, _, layer = error.partition(":")
        return {"feature": self.feature_coefficients, "gram": self.gram_coefficients}[kind].get(layer, 1.0)


class Schedule:
    """Progress through a plan's time, counted over all runs.

    spent: seconds of earlier runs. clock: returns seconds since any fixed time.
    """

    def __init__(self, plan: Plan, spent: float = 0.0, clock: Callable[[], float] = time.monotonic):
        self._seconds, self._clock = plan.seconds, clock
        self._origin = clock() - spent

    def spent(self) -> float:
        """Seconds of training so far, in all runs."""
        return self._clock() - self._origin

    def progress(self) -> float:
        """Share of the plan's time that is over; 1 or more at the end."""
        return self.spent() / self._seconds
