"""`stylize`: its events, results, checkpoints and errors."""

import dataclasses

import numpy as np
import pytest
import torch

from nst.engine import color, level
from nst.engine.canvas import PixelCanvas
from nst.engine.stylization import Finished, Progress, Transfer, stylize
from nst.errors import NstError
from nst.losses.nnst import Hypercolumns
from nst.losses.objective import Objective
from nst.settings import make
from nst.settings.scales import plan

SHALLOW = {"content_layers": "conv2_1", "style_layers": "conv1_1+conv2_1", "iterations": 12, "precision": "fp32"}


def run(content, style, state, values=None, *, resume=None, **inputs):
    transfer = Transfer(content, [style], make(SHALLOW | (values or {})), **inputs)
    events = list(stylize(transfer, state=state, device="cpu", resume=resume))
    assert all(isinstance(event, Progress) for event in events[:-1])
    assert isinstance(events[-1], Finished)
    return events[:-1], events[-1]


def same(a, b):
    return np.array_equal(a.pixels, b.pixels)


def test_each_iteration_yields_progress_and_the_best_picture_is_the_result(scene, stripes, untrained):
    steps, end = run(scene, stripes, untrained)
    assert [step.iteration for step in steps] == list(range(1, 13))
    totals = [step.losses["total"] for step in steps]
    assert end.iterations == 12
    assert end.losses["total"] == min(totals)
    assert totals[end.best_iteration - 1] == min(totals)
    assert min(totals) < 0.7 * totals[0]
    assert {"content", "style", "tv", "total", "content:conv2_1", "style:conv1_1", "style:conv2_1"} == set(end.losses)
    assert end.pixels.shape == scene.shape
    assert end.pixels.dtype == np.float32


def test_the_losses_add_up(scene, stripes, untrained):
    steps, _ = run(
        scene, stripes, untrained, {"content_weight": 0.5, "style_weight": 3, "tv_weight": 0.1, "iterations": 3}
    )
    for step in steps:
        parts = step.losses
        assert parts["total"] == pytest.approx(
            0.5 * parts["content"] + 3 * parts["style"] + 0.1 * parts["tv"], rel=1e-5
        )
        assert parts["style"] == pytest.approx((parts["style:conv1_1"] + parts["style:conv2_1"]) / 2, rel=1e-5)


def test_the_same_settings_give_the_same_bytes_and_another_seed_does_not(scene, stripes, untrained):
    values = {"init": "content+noise", "iterations": 5}
    first, again, other = (run(scene, stripes, untrained, values | {"seed": seed})[1] for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)


@pytest.fixture
def evaluated(monkeypatch):
    """The lowest and the highest pixel of each image whose objective is evaluated."""
    extremes, evaluate = [], Objective.evaluate

    def recorded(self, pictures):
        extremes.append((pictures.min().item(), pictures.max().item()))
        return evaluate(self, pictures)

    monkeypatch.setattr(Objective, "evaluate", recorded)
    return extremes


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("kind", ["clip", "clamp", "rescale"])
def test_pixels_end_in_range(scene, stripes, untrained, evaluated, optimizer, kind):
    """`clamp` and `rescale` bring each image into 0..1 before its evaluation, `clip` only the one that is shown."""
    steps, end = run(scene, stripes, untrained, {"optimizer": optimizer, "pixel_range": kind, "learning_rate": 0.5})
    assert 0 <= end.pixels.min() <= end.pixels.max() <= 1
    assert end.losses["total"] <= steps[0].losses["total"]
    lowest, highest = np.min(evaluated), np.max(evaluated)
    if kind == "clip":
        assert lowest < -0.1
        assert highest > 1.1
        assert 0 <= steps[-1].picture().min() <= steps[-1].picture().max() <= 1
    else:
        assert (lowest, highest) == (0, 1)


def test_clamp_cuts_what_leaves_the_range_and_rescale_shrinks_the_whole_picture():
    x = torch.tensor([[-0.5, 0.25, 1.5], [0.25, 0.5, 0.75], [-1.0, 0.0, 0.5]])
    into_range = {kind: PixelCanvas((3, 3, 1, 1), kind).into_range(x) for kind in ("clip", "clamp", "rescale")}
    assert torch.equal(into_range["clip"], x)
    assert into_range["clamp"].tolist() == [[0, 0.25, 1], [0.25, 0.5, 0.75], [0, 0, 0.5]]
    assert into_range["rescale"].tolist() == [[0, 0.375, 1], [0.25, 0.5, 0.75], [0, 0.5, 0.75]]


def test_initial_pictures(scene, stripes, untrained):
    one = {"iterations": 1}
    begin = {
        init: run(scene, stripes, untrained, one | {"init": init})[1]
        for init in ("content", "noise", "style", "content+noise", "black+noise")
    }
    assert np.allclose(begin["content"].pixels, scene, atol=1e-6)
    assert begin["content"].losses["content"] == 0
    noise = begin["noise"].pixels
    assert abs(noise.mean() - 0.5) < 0.01
    assert abs(noise.std() - 0.1) < 0.01
    grain = begin["content+noise"].pixels - scene
    assert 0.05 < grain.std() < 0.11
    assert begin["style"].pixels.shape == scene.shape
    assert begin["style"].losses["style"] < begin["content"].losses["style"]
    given = run(scene, stripes, untrained, one | {"init": "other.png"}, init=scene[::-1].copy())[1]
    assert np.allclose(given.pixels, scene[::-1], atol=1e-6)
    black = begin["black+noise"].pixels  # half of a normal distribution around 0 is clamped
    assert abs((black == 0).mean() - 0.5) < 0.02
    larger = run(scene, stripes, untrained, one | {"init": "other.png"}, init=np.kron(scene, np.ones((2, 2, 1))))[1]
    assert abs(larger.pixels - scene).mean() < 0.02
    with pytest.raises(NstError, match=r"init other\.png: the image is missing; give it as `init`"):
        run(scene, stripes, untrained, one | {"init": "other.png"})


def test_content_only_finds_the_content_and_style_only_the_style(scene, stripes, untrained):
    noise = {"init": "noise", "iterations": 60}
    steps, end = run(scene, stripes, untrained, noise | {"style_weight": 0})
    assert end.losses["content"] < 0.05 * steps[0].losses["content"]
    assert end.losses["style"] == 0
    steps, end = run(scene, stripes, untrained, noise | {"content_weight": 0})
    assert end.losses["style"] < 0.05 * steps[0].losses["style"]
    assert end.losses["content"] == 0


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_an_interrupted_run_ends_in_the_same_picture(scene, stripes, untrained, optimizer):
    whole = run(scene, stripes, untrained, {"optimizer": optimizer})[1]
    settings = make(SHALLOW | {"optimizer": optimizer})
    for event in stylize(Transfer(scene, [stripes], settings), state=untrained, device="cpu"):
        if event.iteration == 5:
            saved = event.state()
            break
    rest, end = run(scene, stripes, untrained, {"optimizer": optimizer}, resume=saved)
    assert [step.iteration for step in rest] == list(range(6, 13))
    assert same(end, whole)


class Broken:
    """An objective whose values are not finite in some iterations, as with 16-bit activations."""

    def __init__(self, inner, bad):
        self.inner, self.bad, self.calls = inner, bad, 0

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def evaluate(self, pictures):
        self.calls += 1
        result = self.inner.evaluate(pictures)
        if self.calls in self.bad:
            result.total.fill_(torch.nan)
            result.gradient.fill_(torch.nan)
        return result


def broken(monkeypatch, bad_by_type):
    real = level.Level.objective

    def make_broken(pair, network):
        dtype = next(network.steps.parameters()).dtype
        return Broken(real(pair, pair.network(torch.float32)), bad_by_type.get(dtype, ()))

    monkeypatch.setattr(level.Level, "objective", make_broken)


def test_the_optimizer_recovers_from_a_nan(scene, stripes, untrained, monkeypatch):
    broken(monkeypatch, {torch.float32: {4, 5}})
    steps, end = run(scene, stripes, untrained)
    assert [i for i, step in enumerate(steps, 1) if not np.isfinite(step.losses["total"])] == [4, 5]
    assert np.isfinite(end.pixels).all()
    assert end.losses["total"] < steps[2].losses["total"]
    assert end.warnings == ()


def test_16_bits_that_stay_nan_are_replaced_by_float32(scene, stripes, untrained, monkeypatch):
    broken(monkeypatch, {torch.bfloat16: range(3, 1000)})
    steps, end = run(scene, stripes, untrained, {"precision": "bf16", "iterations": 20})
    assert end.precision == "fp32"
    assert end.warnings == ("iteration 6: the losses are not finite; continued in fp32",)
    assert end.losses["total"] < steps[0].losses["total"]
    assert end.iterations == 20
    resumed = {"precision": "bf16", "iterations": 22}
    assert run(scene, stripes, untrained, resumed, resume=steps[-1].state())[1].precision == "fp32"


def test_16_bits_that_become_nan_at_the_end_leave_the_best_image(scene, stripes, untrained, monkeypatch):
    broken(monkeypatch, {torch.bfloat16: range(3, 1000)})
    _, end = run(scene, stripes, untrained, {"precision": "bf16", "iterations": 6})
    assert end.precision == "bf16"
    assert end.best_iteration <= 2
    assert np.isfinite(end.pixels).all()


def test_after_a_change_to_float32_random_samples_are_not_drawn_again(scene, stripes, untrained, monkeypatch):
    values = {"style_loss": "sliced", "optimizer": "adam", "iterations": 8}
    steps, _ = run(scene, stripes, untrained, values)
    states = [step.state()["objective"] for step in steps]
    broken(monkeypatch, {torch.bfloat16: range(1, 1000)})
    changed, _ = run(scene, stripes, untrained, values | {"precision": "bf16"})
    assert changed[-1].state()["objective"] == states[-1]


def test_after_a_change_to_float32_positions_are_assigned_again(scene, stripes, untrained, monkeypatch):
    """The 16-bit features that determined them were not finite."""
    assign, types = Hypercolumns._assign, []

    def assign_and_note(loss, columns):
        types.append(loss.style.dtype)
        assign(loss, columns)

    monkeypatch.setattr(Hypercolumns, "_assign", assign_and_note)
    real = level.Level.objective
    monkeypatch.setattr(level.Level, "objective", lambda pair, net: Broken(real(pair, net), bad_in(net)))
    run(scene, stripes, untrained, {"style_loss": "nnst", "precision": "bf16", "iterations": 20})
    assert types == [torch.bfloat16, torch.float32]


def bad_in(network):
    """The evaluations that fail in 16 bits."""
    return range(1, 1000) if next(network.steps.parameters()).dtype == torch.bfloat16 else ()


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("weight", [1e12, 1e15])
def test_the_largest_weights_are_optimized_as_well(scene, stripes, untrained, optimizer, weight):
    values = {"normalization": "sum", "optimizer": optimizer, "content_weight": weight, "style_weight": weight}
    steps, end = run(scene, stripes, untrained, values)
    assert end.losses["total"] < 0.7 * steps[0].losses["total"]


def test_nan_in_all_iterations_is_an_error(scene, stripes, untrained, monkeypatch):
    broken(monkeypatch, {torch.float32: range(1, 1000)})
    with pytest.raises(NstError, match="not finite even in fp32"):
        run(scene, stripes, untrained)


def test_pictures_too_small_for_the_layers(scene, stripes, untrained):
    with pytest.raises(NstError, match=r"the style image is 44×3 px at this size; its layers need at least 4 px"):
        run(scene, stripes[:3], untrained, {"content_layers": "conv3_1"})
    with pytest.raises(NstError, match="increase `size`, reduce `scales`, or use shallower layers"):
        run(scene, stripes, untrained, {"content_layers": "conv4_1", "scales": 8})
    with pytest.raises(NstError, match="the content image is 6×6 px at this size; its layers need at least 8 px"):
        run(scene[:6, :6], stripes, untrained, {"parameters": "network", "optimizer": "adam"})
    run(scene, stripes[:3], untrained, {"content_layers": "conv4_1", "content_weight": 0})  # no layer that is used


@pytest.mark.parametrize("loss", ["covariance", "moments"])
def test_a_style_of_one_position_has_no_deviations(scene, stripes, untrained, loss):
    values = {"style_layers": "conv1_1+conv3_1", "style_loss": loss, "content_weight": 0}
    with pytest.raises(
        NstError, match=f"the style image is 6×7 px .* no deviations for `style_loss: {loss}`: increase"
    ):
        run(scene, stripes[:7, :6], untrained, values)
    run(scene, stripes[:7, :9], untrained, values | {"iterations": 1})
    deep = {"content_layers": "conv3_1", "style_layers": "conv1_1", "content_weight": 1, "iterations": 1}
    run(scene, stripes[:7, :6], untrained, values | deep)


def test_as_good_as_torchs_lbfgs_on_a_real_pair(scene, stripes, trained):
    """After the same number of iterations of the same float32 objective, the loss is equal or better."""
    big = np.kron(scene, np.ones((2, 2, 1), np.float32))
    values = make({"iterations": 60, "precision": "fp32"})
    *_, ours = stylize(
        Transfer(big, [np.kron(stripes, np.ones((2, 2, 1), np.float32))], values), state=trained, device="cpu"
    )
    cpu, style = torch.device("cpu"), np.kron(stripes, np.ones((2, 2, 1), np.float32))
    pair = level.Level(big, big, [style], [1.0], None, None, values, trained, cpu)
    objective = pair.objective(pair.network(torch.float32))
    x = torch.from_numpy(big).permute(2, 0, 1)[None].contiguous().requires_grad_(True)
    optimizer = torch.optim.LBFGS([x], max_iter=1000, max_eval=60, tolerance_grad=0, tolerance_change=0)
    seen = []

    def closure():
        iteration = objective.evaluate(x)
        x.grad = iteration.gradient.contiguous()
        seen.append(iteration.total.item())
        return iteration.total[0]

    optimizer.step(closure)
    assert ours.losses["total"] <= min(seen[:60])


def test_coarse_to_fine_divides_the_iterations_and_starts_from_the_coarser_picture(scene, stripes, untrained):
    values = {"scales": 3, "iterations": 40}
    assert [scale.last for scale in plan(make(values), 48)] == [13, 27, 40]
    steps, end = run(scene, stripes, untrained, values)
    assert [step.iteration for step in steps] == list(range(1, 41))
    assert [steps[i].picture().shape[:2] for i in (0, 12, 13, 39)] == [(20, 24), (20, 24), (28, 34), (40, 48)]
    assert end.pixels.shape == scene.shape
    assert end.best_iteration > 27
    fresh = run(scene, stripes, untrained, {"iterations": 1})[1]
    assert (
        steps[27].losses["style"] < fresh.losses["style"] / 2
    )  # the first iteration at the finest scale has the style already


@pytest.mark.parametrize("stop", [2, 3, 4, 8])
def test_coarse_to_fine_resumes_from_a_checkpoint(scene, stripes, untrained, stop):
    settings = make(SHALLOW | {"scales": 3, "iterations": 10})
    events = stylize(Transfer(scene, [stripes], settings), state=untrained, device="cpu")
    saved = next(event.state() for event in events if event.iteration == stop)
    *_, whole = events
    *rest, end = stylize(Transfer(scene, [stripes], settings), state=untrained, device="cpu", resume=saved)
    assert [step.iteration for step in rest] == list(range(stop + 1, 11))
    assert same(end, whole)


def test_an_averaged_picture_is_the_running_average_of_adams(scene, stripes, untrained):
    values = {"optimizer": "adam", "ema_decay": 0.8, "iterations": 12}
    steps, end = run(scene, stripes, untrained, values)
    plain, _ = run(scene, stripes, untrained, {"optimizer": "adam", "iterations": 12})
    assert end.best_iteration == 12
    assert end.losses == steps[-1].losses  # the last iteration is spent on the average itself
    assert [s.losses for s in steps[:-1]] == [s.losses for s in plain[:-1]]
    assert not np.allclose(end.pixels, plain[-1].picture(), atol=1e-3)


def test_luminance_keeps_the_contents_colors(scene, stripes, untrained):
    steps, end = run(scene, stripes, untrained, {"color": "luminance", "iterations": 12, "pixel_range": "clip"})
    chroma = [p - (p @ color.LUMA)[:, :, None] for p in (scene, end.pixels)]
    inside = ((end.pixels > 0.01) & (end.pixels < 0.99)).all(2)
    assert inside.mean() > 0.3
    np.testing.assert_allclose(chroma[0][inside], chroma[1][inside], atol=1e-5)
    assert abs(end.pixels - scene).mean() > 0.01
    assert steps[-1].losses["style"] < steps[0].losses["style"]


def test_luminance_starts_from_the_luma_of_a_picture(scene, stripes, untrained):
    settings = make(SHALLOW | {"color": "luminance", "init": "some.png", "iterations": 1})
    cpu = torch.device("cpu")
    pair = level.Level(scene, scene, [stripes], [1.0], None, None, settings, untrained, cpu)
    first = level.start(pair, scene)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(first, np.repeat(color.luma(scene)[..., None], 3, 2), atol=1e-6)
    noisy = pair.settings.model_copy(update={"init": "noise", "noise": 0.2})
    noise = level.start(dataclasses.replace(pair, settings=noisy), None)
    assert noise.std().item() == pytest.approx(0.2, rel=0.05)
    assert (noise[:, :1] == noise).all()


def test_the_style_is_applied_where_the_content_mask_is_bright(scene, stripes, untrained):
    mask = np.zeros_like(scene)
    mask[:, 28:] = 1
    values = {"content_mask": "mask.png", "content_weight": 0.2, "style_weight": 6, "iterations": 25}
    _, end = run(scene, stripes, untrained, values, content_mask=mask)
    change = abs(end.pixels - scene).mean(2)
    assert change[:, 32:].mean() > 5 * change[:, :20].mean()
    with pytest.raises(NstError, match="content_mask: is black all over"):
        run(scene, stripes, untrained, values, content_mask=mask * 0)
    with pytest.raises(NstError, match="content_mask: the image is missing"):
        run(scene, stripes, untrained, values)


@pytest.mark.parametrize(
    "values",
    [
        {"scales": 3, "scale_factor": 2},
        {"init": "noise", "content_weight": 0.5},
        {"init": "blurred", "parameters": "pyramid", "scales": 2},
        {"style_loss": "nnst", "scales": 2, "iterations": 30},
    ],
)
def test_the_content_stays_where_the_content_mask_is_dark(scene, stripes, untrained, values):
    """Also at finer scales, which start from an enlarged image, and where no loss sees these pixels."""
    mask = np.zeros_like(scene)
    mask[:, 36:] = 1
    _, end = run(scene, stripes, untrained, values | {"content_mask": "mask.png"}, content_mask=mask)
    change = abs(end.pixels - scene).mean(2)
    assert change[:, :36].max() < 1e-6
    assert change[:, 40:].mean() > 0.02


def test_two_styles_share_the_picture_by_the_mask(scene, stripes, untrained):
    red, blue = (np.zeros_like(stripes) + color for color in ([1, 0, 0], [0, 0, 1]))
    mask = np.zeros_like(scene)
    mask[:, :24] = 1
    settings = make(SHALLOW | {"content_mask": "mask.png", "content_weight": 0, "init": "noise", "iterations": 60})
    styles = [stripes * [1, 0.3, 0.3] + 0.2 * red, stripes * [0.3, 0.3, 1] + 0.2 * blue]
    styles = [style.clip(0, 1).astype(np.float32) for style in styles]
    *_, end = stylize(Transfer(scene, styles, settings, content_mask=mask), state=untrained, device="cpu")
    warmth = end.pixels[..., 0] - end.pixels[..., 2]
    assert warmth[:, :18].mean() > 0.1
    assert warmth[:, 30:].mean() < -0.1


def test_a_mask_for_more_than_three_styles_is_an_error(scene, stripes, untrained):
    transfer = Transfer(scene, [stripes] * 4, make(SHALLOW | {"content_mask": "mask.png"}), content_mask=scene)
    with pytest.raises(NstError, match="content_mask: can separate at most three styles, and 4 are blended; blend few"):
        list(stylize(transfer, state=untrained, device="cpu"))


def test_masks_that_are_white_all_over_change_nothing(scene, stripes, untrained):
    plain, end = run(scene, stripes, untrained)
    masks = {"content_mask": np.ones_like(scene), "style_mask": np.ones_like(stripes)}
    masked, masked_end = run(scene, stripes, untrained, dict.fromkeys(masks, "white.png"), **masks)
    found, wanted = ([event.losses["total"] for event in events[:5]] for events in (masked, plain))
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    np.testing.assert_allclose(masked_end.pixels, end.pixels, atol=0.03)  # rounding grows from step to step


def test_only_the_bright_part_of_a_style_mask_is_matched(scene, stripes, untrained):
    half = np.concatenate([stripes, np.full_like(stripes, 0.5)], 1)
    mask = np.zeros_like(half)
    mask[:, : stripes.shape[1] - 4] = 1  # away from the seam, which is in the layers' receptive field
    whole = run(scene, half, untrained, {"iterations": 1})[1].losses["style"]
    kept = run(scene, half, untrained, {"iterations": 1, "style_mask": "mask.png"}, style_mask=mask)[1].losses["style"]
    alone = run(scene, stripes, untrained, {"iterations": 1})[1].losses["style"]
    assert abs(kept - alone) < abs(whole - alone) / 3


@pytest.mark.parametrize("goal", [0.3, 0.1])
def test_auto_finds_the_weight_that_reaches_the_target(scene, stripes, untrained, goal):
    values = {"style_weight": "auto", "target_style_loss": goal, "iterations": 120}
    steps, end = run(scene, stripes, untrained, values)
    assert end.losses["style"] == pytest.approx(goal, rel=0.25)
    assert end.iterations == len(steps) == 120
    fixed = run(scene, stripes, untrained, {"style_weight": end.style_weight, "iterations": 120})[1]
    assert fixed.losses["style"] == pytest.approx(end.losses["style"], rel=0.25)


@pytest.mark.parametrize(("stop", "scales"), [(10, 2), (12, 2), (7, 1), (13, 1)])
def test_auto_resumes_from_a_checkpoint(scene, stripes, untrained, stop, scales):
    settings = make(SHALLOW | {"style_weight": "auto", "iterations": 20, "scales": scales})
    events = stylize(Transfer(scene, [stripes], settings), state=untrained, device="cpu")
    saved = next(event.state() for event in events if event.iteration == stop)
    *_, whole = events
    *_, end = stylize(Transfer(scene, [stripes], settings), state=untrained, device="cpu", resume=saved)
    assert end.style_weight == whole.style_weight
    assert same(end, whole)


def test_auto_warns_where_it_has_not_reached_its_target(scene, stripes, untrained):
    end = run(scene, stripes, untrained, {"style_weight": "auto", "target_style_loss": 1e-4, "iterations": 6})[1]
    assert "target_style_loss is 0.0001; increase" in end.warnings[0]


def test_auto_tolerates_losses_that_are_not_finite(scene, stripes, untrained, monkeypatch):
    broken(monkeypatch, {torch.bfloat16: range(1, 1000)})
    values = {"style_weight": "auto", "precision": "bf16", "iterations": 20}
    end = run(scene, stripes, untrained, values)[1]
    assert end.precision == "fp32"
    assert end.style_weight != 6


def test_the_losses_with_luminance_are_those_of_the_gray_picture(scene, stripes, untrained):
    content = np.repeat((scene @ color.LUMA)[:, :, None], 3, 2)
    end = run(scene, stripes, untrained, {"color": "luminance", "init": "noise"})[1]
    _, (style,) = color.prepared(scene, [stripes], "luminance")
    shown = np.repeat((end.pixels @ color.LUMA)[:, :, None], 3, 2)
    begin = run(content, style, untrained, {"init": "shown.png", "iterations": 1}, init=shown)[0][0]
    assert begin.losses["total"] == pytest.approx(end.losses["total"], rel=0.05)  # but for colors out of range


def test_adams_decay_counts_all_iterations(monkeypatch):
    from nst.optim.adam import Adam

    monkeypatch.setattr(Adam, "PERIOD", 3)
    x = torch.zeros(1, 4)
    adam = Adam(x, learning_rate=1.0, decay=0.1, age=1)
    moves = []
    for turn in range(6):
        at = adam.ask()
        adam.tell(at, torch.ones(1), torch.ones(1, 4))
        if turn == 3:
            adam.restart()
            adam.mean, adam.square, adam.steps = torch.ones(1, 4), torch.ones(1, 4), torch.full((1,), 1e6)
        moves.append((at - adam.ask()).abs().max().item())
    assert moves[:2] == pytest.approx([1, 1], rel=1e-3)  # the second and third iteration of all
    assert moves[2] == pytest.approx(0.1, rel=1e-3)
    assert moves[5] == pytest.approx(0.01, rel=1e-2)
