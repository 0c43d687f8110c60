"""The estimates of time and memory for one image."""

from __future__ import annotations

from typing import Any, cast

import pytest

from nst.grid.estimate import BASE_MB, START_SECONDS, Hardware, estimate
from nst.settings import defaults, make


def test_estimates_grow_with_the_work() -> None:
    """In proportion to pixels, iterations and cores, beside what each process takes before it begins."""

    def of(cores: int = 1, hardware: Hardware = "fp32", **values: object) -> tuple[float, float]:
        seconds, megabytes = estimate(make({"size": "512", **values}), (400, 300), cores, hardware)
        return seconds - START_SECONDS, megabytes - BASE_MB[hardware]

    def ratio(**values: Any) -> tuple[float, float]:
        return cast("tuple[float, float]", tuple(pytest.approx(a / b) for a, b in zip(of(**values), of(), strict=True)))

    assert ratio(size=1024) == (4, 4)
    assert ratio(size=256) == (1 / 4, 1 / 4)
    assert ratio(fit="square") == (4 / 3, 4 / 3)
    assert ratio(cores=4) == (1 / 4, 1)
    assert ratio(iterations=make({}).iterations * 2) == (2, 1)
    assert ratio(scales=2) == (3 / 4, 1)  # half of the iterations at half of the pixels
    assert of(style_layers="conv1_1", content_layers="conv1_1")[0] < of(style_layers="conv2_1")[0] < of()[0]
    assert of(content_layers="conv5_4")[0] > of()[0]
    assert of(network="lite")[0] < of()[0] / 2
    assert of(hardware="bf16")[0] < of()[0]
    assert of(hardware="bf16")[1] < of()[1]
    assert of(hardware="gpu", cores=4)[0] == of(hardware="gpu")[0]  # the cores do not compute
    assert of(size=4096, tile=512)[0] > of(size=4096)[0]
    assert of(size=4096, tile=512)[1] < of(size=4096)[1] / 2
    assert of(tile=512) == of()  # one tile
    for size, shape in (("512", (400, 300)), ("0", (1024, 768))):  # of a content whose size is not known yet
        assert estimate(make({"size": size}), (0, 0), 1) == estimate(make({"size": size}), shape, 1)
    assert estimate(make({"size": "0"}), (400, 300), 1) == estimate(make({"size": "400"}), (400, 300), 1)


def test_an_estimate_is_of_this_machine_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for has_units, kind in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr("nst.grid.estimate.cpu_has_bf16_units", lambda has_units=has_units: has_units)
        assert estimate(defaults(), (400, 300), 2) == estimate(defaults(), (400, 300), 2, cast("Hardware", kind))
        exact = make({"precision": "fp32"})
        assert estimate(exact, (400, 300), 2) == estimate(exact, (400, 300), 2, "fp32")


def test_distances_between_feature_vectors_take_time_and_memory() -> None:
    """They take the same time at any size, in proportion to the iterations, and shared by the cores."""

    def of(cores: int = 2, **values: object) -> tuple[float, float]:
        content = (400, 300)
        (plain, less), (seconds, more) = (
            estimate(make({"size": 256, "style_loss": loss, **values}), content, cores, "bf16")
            for loss in ("gram", "sliced")
        )
        return seconds - plain, more / less

    seconds, factor = of()
    assert seconds > 0
    assert factor > 1
    assert of(size=512)[0] == pytest.approx(seconds)
    assert of(iterations=600)[0] == pytest.approx(2 * seconds)
    assert of(cores=4)[0] == pytest.approx(seconds / 2)
