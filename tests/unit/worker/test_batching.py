"""Pictures stylized together: each as if alone, and each its own worker's business."""

import itertools
import queue
import threading

import numpy as np
import pytest
import torch

from nst.engine.stylization import Finished, Transfer, stylize, stylize_batch
from nst.errors import NstError
from nst.losses.objective import Objective, ObjectiveValue
from nst.settings import make
from nst.worker import batching
from nst.worker.batching import Batcher, gpu_failed

VALUES = {"content_layers": "conv2_1", "style_layers": "conv1_1+conv2_1", "precision": "fp32", "deterministic": "no"}


@pytest.fixture
def transfers(scene, stripes):
    """Three images of one shape, from styles of different shapes."""

    def make_them(values=None):
        settings = make(VALUES | {"iterations": 12} | (values or {}))
        contents = scene, scene[::-1], 1 - scene
        styles = stripes, stripes[:30, :28], stripes[:, ::-1]
        return [
            Transfer(content, [style], settings.model_copy(update={"seed": seed}))
            for seed, (content, style) in enumerate(zip(contents, styles, strict=True))
        ]

    return make_them


def alone(transfer, state):
    return list(stylize(transfer, state=state, device="cpu"))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"init": "content+noise", "style_loss": "covariance"},
        {"style_loss": "wasserstein", "iterations": 6},
        {"optimizer": "adam", "ema_decay": 0.8},
        {"scales": 2, "color": "luminance"},
        {"pixel_range": "rescale", "normalization": "mean", "style_weight": 1e4},
    ],
)
def test_each_is_stylized_as_if_alone(transfers, untrained, values):
    chosen = transfers(values)
    assert len({transfer.kind for transfer in chosen}) == 1
    events = list(stylize_batch(chosen, state=untrained, device="cpu"))
    for index, transfer in enumerate(chosen):
        ours, theirs = [event for i, event in events if i == index], alone(transfer, untrained)
        assert [type(event) for event in ours] == [type(event) for event in theirs]
        for a, b in zip(ours[:-1], theirs[:-1], strict=True):
            assert a.iteration == b.iteration
            # Rounding differs from the first iteration on, and L-BFGS amplifies it.
            assert a.losses == pytest.approx(b.losses, rel=1e-3 if a.iteration <= 4 else 0.05, abs=1e-6)
        assert ours[-1].batch_size == 3
        assert np.abs(ours[-1].pixels - theirs[-1].pixels).mean() < 0.01


def test_a_checkpoint_from_a_batch_is_resumed_alone(transfers, untrained):
    chosen = transfers()
    states = {}
    for index, event in stylize_batch(chosen, state=untrained, device="cpu"):
        if not isinstance(event, Finished) and event.iteration == 5:
            states[index] = event.state()
    for transfer, (_, state) in zip(chosen, sorted(states.items()), strict=True):
        whole = alone(transfer, untrained)[-1]
        *_, rest = stylize(transfer, state=untrained, device="cpu", resume=state)
        assert rest.losses == pytest.approx(whole.losses, rel=0.05, abs=1e-4)


@pytest.mark.parametrize(
    "values",
    [
        {"parameters": "network", "optimizer": "adam"},
        {"style_weight": "auto"},
        {"tile": 32},
        {"content_mask": "a.png"},
        {"deterministic": "yes"},
        {"style_loss": "sliced"},
        {"style_loss": "nnst", "content_weight": 0},
        {"content_loss": "self-similarity"},
    ],
)
def test_some_transfers_cannot_share_a_batch(transfers, values):
    assert {transfer.kind for transfer in transfers(values)} == {None}


def test_a_tile_as_large_as_the_images_changes_nothing(transfers):
    assert None not in {transfer.kind for transfer in transfers({"tile": 1024})}


def test_transfers_with_other_shapes_or_settings_are_of_another_kind(transfers, scene):
    kinds = [*{s.kind for s in transfers()}, *{s.kind for s in transfers({"style_weight": 7})}]
    kinds.append(Transfer(scene[1:], [scene], transfers()[0].settings).kind)
    assert len(set(kinds)) == 3


def make_losses_not_finite(monkeypatch, row):
    """16-bit losses of one image, in a batch, are never finite."""
    real = Objective.evaluate

    def evaluate(self, pictures):
        found = real(self, pictures)
        if len(pictures) == 1:
            return found
        total, gradient = found.total.clone(), found.gradient.clone()
        total[row], gradient[row] = torch.nan, torch.nan
        return ObjectiveValue(total, found.parts, gradient)

    monkeypatch.setattr(Objective, "evaluate", evaluate)


@pytest.mark.parametrize("values", [{}, {"scales": 2}])
def test_an_image_that_fails_does_not_affect_the_others_of_its_batch(transfers, untrained, monkeypatch, values):
    chosen = transfers(values)
    expected = [alone(transfer, untrained)[-1] for transfer in chosen]
    make_losses_not_finite(monkeypatch, 1)
    *_, a, b, c = stylize_batch(chosen, state=untrained, device="cpu")
    assert b == (1, None)
    for (index, found), wanted in zip((a, c), (expected[0], expected[2]), strict=True):
        assert found.losses == pytest.approx(wanted.losses, rel=0.05, abs=1e-4), index


class Client:
    """Passes a transfer to a batcher in a thread of its own and records the events."""

    def __init__(self, batcher, transfer, state, stop=None):
        self.events, self.error, self.received = [], None, queue.Queue()
        self.may_continue = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(batcher, transfer, state, stop))
        self.thread.start()

    def run(self, batcher, transfer, state, stop):
        def handle(event):
            self.events.append(event)
            self.received.put(event)
            self.may_continue.wait(60)
            if stop is not None and len(self.events) == stop:
                raise KeyboardInterrupt

        try:
            batcher.stylize(transfer, handle, state=state, device="cpu", threads=0, resume=None)
        except BaseException as error:
            self.error = error

    def join(self):
        self.may_continue.set()
        self.thread.join(60)
        assert not self.thread.is_alive()


def queued(transfers, state, stops=(None, None, None), max_batch=16):
    """The clients of transfers that are queued while another image is stylized."""
    batcher = Batcher(max_batch)
    first = Client(batcher, transfers[0], state)
    first.received.get(timeout=60)
    others = [Client(batcher, transfer, state, stop) for transfer, stop in zip(transfers, stops, strict=True)]
    for _ in range(600):
        if len(batcher._waiting) == sum(client.thread.is_alive() for client in others):
            break
        threading.Event().wait(0.05)
    for client in (first, *others):
        client.may_continue.set()
    for client in (first, *others):
        client.join()
    assert first.events[-1].batch_size == 1
    return others


def test_queued_images_are_stylized_as_one_batch(transfers, untrained):
    """Two, four, … of them: each number costs a search for the fastest algorithms."""
    chosen = transfers()
    found = queued(chosen, untrained)
    assert sorted(client.events[-1].batch_size for client in found) == [1, 2, 2]
    for client, transfer in zip(found, chosen, strict=True):
        assert client.events[-1].losses == pytest.approx(alone(transfer, untrained)[-1].losses, rel=0.05, abs=1e-4)


def test_a_batch_has_at_most_max_batch_images_of_one_kind(transfers, untrained):
    chosen = [*transfers(), *transfers({"style_weight": 7})]
    found = queued(chosen, untrained, [None] * 6, max_batch=2)
    assert sorted(client.events[-1].batch_size for client in found) == [1, 1, 2, 2, 2, 2]


def test_cancelling_one_image_does_not_stop_the_others(transfers, untrained):
    a, b, c = queued(transfers(), untrained, stops=(None, 2, None))
    assert isinstance(b.error, KeyboardInterrupt)
    assert len(b.events) == 2
    assert isinstance(a.events[-1], Finished)
    assert isinstance(c.events[-1], Finished)


def test_an_image_that_fails_in_a_batch_is_stylized_again_alone(transfers, untrained, monkeypatch):
    chosen = transfers()
    expected = alone(chosen[1], untrained)[-1]
    make_losses_not_finite(monkeypatch, 1)
    a, b = queued(chosen[:2], untrained, (None, None))
    assert [client.events[-1].batch_size for client in (a, b)] == [2, 1]
    assert np.array_equal(b.events[-1].pixels, expected.pixels)
    last = [event.iteration for event in b.events[:-1]][-12:]
    assert last == list(range(1, 13))


def test_an_invalid_transfer_raises_and_the_others_are_stylized(transfers, untrained):
    chosen = transfers()
    chosen[1] = Transfer(chosen[1].content, [chosen[1].styles[0][:1]], chosen[1].settings)
    a, b, c = queued(chosen, untrained)
    assert isinstance(b.error, NstError)
    assert "too small" in str(b.error) or "at least" in str(b.error)
    assert all(isinstance(client.events[-1], Finished) for client in (a, c))


def test_invalid_weights_raise_for_every_image_that_uses_them(transfers, untrained):
    broken = dict(itertools.islice(untrained.items(), 1))
    batcher = Batcher()
    client = Client(batcher, transfers()[0], broken)
    client.join()
    assert isinstance(client.error, NstError)
    again = Client(batcher, transfers()[0], untrained)
    again.join()
    assert isinstance(again.events[-1], Finished)


ILLEGAL_ACCESS = "CUDA error: an illegal memory access was encountered\nCompile with `TORCH_USE_CUDA_DSA`"


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (RuntimeError(ILLEGAL_ACCESS), True),
        (torch.AcceleratorError(ILLEGAL_ACCESS), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), True),
        (RuntimeError("Triton Error [CUDA]: device-side assert triggered"), True),
        (torch.cuda.OutOfMemoryError("CUDA error: out of memory"), False),
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (NstError("the losses are not finite"), False),
    ],
)
def test_which_errors_mean_a_failed_gpu(error, failed):
    assert gpu_failed(error) is failed


@pytest.mark.parametrize(
    ("error", "calls"),
    [(RuntimeError(ILLEGAL_ACCESS), [1, 2]), (RuntimeError("of one of them"), [1, 2, 1, 1])],
    ids=["the GPU's", "an image's"],
)
def test_a_failed_batch_is_retried_one_by_one_except_after_a_gpu_failure(
    transfers, untrained, monkeypatch, error, calls
):
    """What ran after an illegal access in the same process would fail too, or be wrong."""
    real, sizes = batching.stylize_batch, []

    def failing(chosen, **how):
        sizes.append(len(chosen))
        for number, event in enumerate(real(chosen, **how)):
            if len(sizes) > 1 and number == 4:
                raise error
            yield event

    monkeypatch.setattr(batching, "stylize_batch", failing)
    found = queued(transfers()[:2], untrained, (None, None))
    assert [client.error for client in found] == [error, error]
    assert sizes == calls
