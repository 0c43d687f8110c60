"""The optimizers against SciPy's L-BFGS-B, torch's optimizers, and problems with a known minimum."""

import numpy as np
import pytest
import torch
from scipy import optimize
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nst.machine import runtime
from nst.optim.adam import Adam, RMSprop
from nst.optim.lbfgs import LBFGS


def iterate(optimizer, function, iterations):
    """Yield the value at each point that the optimizer asks for, (batch,), once the optimizer has it."""
    for _ in range(iterations):
        x = optimizer.ask().detach().requires_grad_(True)
        value = function(x)
        (gradient,) = torch.autograd.grad(value.sum(), x)
        optimizer.tell(x.detach(), value.detach(), gradient)
        yield value.detach()


def minimize(optimizer, function, iterations):
    """Values at each point that the optimizer asked for, (iterations, batch)."""
    return torch.stack(list(iterate(optimizer, function, iterations)))


def rosenbrock(x):
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


def far_start(n):
    x = torch.full((1, n), -1.2, dtype=torch.float64)
    x[:, 1::2] = 1.0
    return x


def scipy_iterations(function, gradient, start, accuracy, memory=20):
    """Iterations that SciPy's L-BFGS-B needs until a value below `accuracy`."""
    values = []

    def recorded(z):
        values.append(function(z))
        return values[-1]

    options = {"maxcor": memory, "maxiter": 5000, "maxfun": 5000, "ftol": 0, "gtol": 1e-12}
    optimize.minimize(recorded, start, jac=gradient, method="L-BFGS-B", options=options)
    return next(i for i, value in enumerate(values, 1) if value < accuracy)


@pytest.mark.parametrize("n", [2, 10])
def test_rosenbrock_takes_about_as_many_iterations_as_scipy(n):
    start = far_start(n)
    values = minimize(LBFGS(start, memory=20), rosenbrock, 300)[:, 0]
    ours = int((values < 1e-10).nonzero()[0]) + 1
    theirs = scipy_iterations(optimize.rosen, optimize.rosen_der, start[0].numpy(), 1e-10)
    assert ours <= 1.5 * theirs + 10  # they search along each line; on images that costs more than it brings


def test_a_badly_conditioned_quadratic_against_scipy():
    scale, target = np.logspace(0, 3, 40), np.linspace(-1, 1, 40)
    scaled = torch.from_numpy(scale)

    def function(x):
        return 0.5 * (scaled * (x - torch.from_numpy(target)) ** 2).sum(1)

    start = torch.zeros(1, 40, dtype=torch.float64)
    values = minimize(LBFGS(start, memory=20), function, 400)[:, 0]
    ours = int((values < 1e-9).nonzero()[0]) + 1
    theirs = scipy_iterations(
        lambda z: 0.5 * (scale * (z - target) ** 2).sum(), lambda z: scale * (z - target), np.zeros(40), 1e-9
    )
    assert ours <= 1.5 * theirs + 10


@pytest.mark.parametrize("p", [torch.eye(6), torch.eye(6) + 0.3 * torch.ones(6, 6)])
def test_the_compact_form_is_the_two_loop_recursion(p):
    """Nocedal & Wright, algorithm 7.4, on the same pairs, with H₀ = γ·P; γ is GAMMA_FACTOR times the pairs' mean."""
    p = p.double()
    optimizer = LBFGS(far_start(6), memory=3, precondition=lambda x: x @ p)
    minimize(optimizer, rosenbrock, 9)
    oldest_first = [(int(optimizer.count) + i) % 3 for i in range(3)]
    pairs = [(optimizer.pairs[0, i], torch.linalg.solve(p, optimizer.pairs[0, i + 3])) for i in oldest_first]
    q, alphas = optimizer.gradient[0].clone(), []
    for s, y in reversed(pairs):
        alphas.append(s @ q / (s @ y))
        q = q - alphas[-1] * y
    q = p @ q * LBFGS.GAMMA_FACTOR * float(np.prod([(s @ y) / (y @ p @ y) for s, y in pairs])) ** (1 / 3)
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        q = q + s * (alpha - y @ q / (s @ y))
    torch.testing.assert_close(optimizer.direction[0], -q, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("kind", [LBFGS, Adam])
def test_rows_of_a_batch_do_not_depend_on_each_other(kind):
    starts = torch.randn(3, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    together = minimize(kind(starts), rosenbrock, 30)
    for row in range(3):
        alone = minimize(kind(starts[row : row + 1]), rosenbrock, 30)
        torch.testing.assert_close(together[:, row : row + 1], alone, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("make", [lambda x: LBFGS(x, first_step=2.0), lambda x: Adam(x, learning_rate=1.5)])
def test_a_value_that_is_not_finite_shortens_the_step_and_leaves_no_trace(make):
    def fragile(x):  # undefined beyond 1
        value = ((x - 0.5) ** 2).sum(1) * 10
        return torch.where((x > 1).any(1), torch.nan, value)

    optimizer = make(torch.zeros(1, 4, dtype=torch.float64))
    values = minimize(optimizer, fragile, 200)[:, 0]
    assert values.isnan().any()
    assert optimizer.ask().isfinite().all()
    assert values[~values.isnan()].min() < 1e-2


def test_a_finite_value_with_a_gradient_that_is_not_counts_as_a_step_too_long():
    optimizer = LBFGS(torch.zeros(2, 3, dtype=torch.float64), first_step=1.0)
    for gradient in (torch.ones(2, 3), torch.tensor([[torch.nan, 1, 1], [0.5, 0.5, 0.5]])):
        x = optimizer.ask()
        optimizer.tell(x, -x.sum(1).abs(), gradient.double())
    assert optimizer.length.tolist() == pytest.approx([0.1, 1])
    assert optimizer.count.tolist() == [0, 1]
    assert optimizer.ask().isfinite().all()


@pytest.mark.parametrize(
    ("dtype", "factor", "close"),
    [
        (torch.float64, 2.0**-60, 1e-6),
        (torch.float64, 2.0**60, 1e-6),
        (torch.float32, 2.0**-40, 1e-3),
        (torch.float32, 2.0**40, 1e-3),
    ],
)
def test_the_scale_of_the_objective_does_not_matter(dtype, factor, close):
    """Values are from 1e-6 to 1e15 with the normalizations `paper` and `mean` and their usual weights."""
    usual, other = (
        minimize(LBFGS(far_start(6).to(dtype), first_step=0.01), lambda x, by=by: by * rosenbrock(x), 60) / by
        for by in (1.0, factor)
    )
    torch.testing.assert_close(usual, other, rtol=close, atol=0)
    assert usual.min() < usual[0] / 100


def test_a_worse_point_is_never_accepted_beyond_the_window():
    """A step may rise above the accepted point, but not above the worst of the last five."""
    optimizer, accepted = LBFGS(far_start(10), memory=5), []
    rises = refused = 0
    for value in map(torch.Tensor.item, iterate(optimizer, rosenbrock, 100)):
        taken = optimizer.value.item() == value
        if taken and accepted:
            assert value <= max(accepted[-5:])
            rises += value > accepted[-1]
        if taken:
            accepted.append(value)
        else:
            assert value > max(accepted[-5:]) - 0.01 * abs(value)  # near enough to the bound to be told by the slope
            refused += 1
    assert rises > 0
    assert refused > 0


@pytest.mark.parametrize(("value", "taken"), [(9.5, False), (9.0, True), (8.5, True)])
def test_the_window_is_the_last_five_accepted_values(value, taken):
    optimizer, flat = LBFGS(torch.ones(1, 2), first_step=1.0), torch.zeros(1, 2)
    for earlier in (10.0, 9.0, 8.0, 7.0, 6.0, 5.0):
        optimizer.tell(optimizer.ask(), torch.tensor([earlier]), flat)
    optimizer.tell(optimizer.ask(), torch.tensor([value]), flat)
    assert optimizer.value.item() == (value if taken else 5.0)


@pytest.mark.parametrize(("kind", "torchs"), [(Adam, torch.optim.Adam), (RMSprop, torch.optim.RMSprop)])
def test_adam_and_rmsprop_are_torchs(kind, torchs):
    start = far_start(6)
    ours = minimize(kind(start, learning_rate=0.05), rosenbrock, 40)[:, 0]
    x = start.clone().requires_grad_(True)
    reference, theirs = torchs([x], lr=0.05), []
    for _ in range(40):
        reference.zero_grad()
        value = rosenbrock(x).sum()
        value.backward()
        theirs.append(value.item())
        reference.step()
    assert ours.tolist() == pytest.approx(theirs, rel=1e-6)


def test_the_running_average_of_adam_is_that_of_algorithm_1():
    """Over the accepted points; where a value is not finite, the last accepted one counts again."""
    decay, points = 0.8, []
    optimizer = Adam(far_start(6), learning_rate=0.05, ema_decay=decay)
    assert torch.equal(optimizer.averaged(), far_start(6))
    for iteration in range(12):
        x = optimizer.ask()
        points.append(points[-1] if iteration == 5 else x)
        optimizer.tell(x, torch.full((1,), torch.nan if iteration == 5 else 1.0), torch.ones_like(x) * iteration)
        n = iteration + 1
        shares = [(1 - decay) * decay ** (n - 1 - i) / (1 - decay**n) for i in range(n)]
        wanted = sum(share * point for share, point in zip(shares, points, strict=True))
        torch.testing.assert_close(optimizer.averaged(), wanted)
    assert Adam(far_start(6)).averaged() is None


@pytest.mark.parametrize("kind", [LBFGS, Adam, RMSprop])
def test_resuming_from_a_state_changes_nothing(kind):
    whole = minimize(kind(far_start(6)), rosenbrock, 40)
    first = kind(far_start(6))
    minimize(first, rosenbrock, 15)
    second = kind(torch.zeros(1, 6, dtype=torch.float64))
    second.load_state_dict(state := first.state_dict())
    assert not state  # of a large image it takes as much memory as the optimizer
    assert torch.equal(minimize(second, rosenbrock, 25), whole[15:])


class Narrow(TorchDispatchMode):
    """A device without float64, like Apple's GPUs."""

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        found = function(*arguments, **named or {})
        for tensor in tree_leaves(found):
            assert not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float64, function
        return found


def test_it_works_without_float64(monkeypatch):
    monkeypatch.setattr(runtime, "widest", lambda device: torch.float32)
    x = torch.zeros(2, 300)
    with Narrow():
        optimizer = LBFGS(x, memory=5)
        for _ in range(40):
            x = optimizer.ask()
            optimizer.tell(x, (x - 1).square().sum(1), 2 * (x - 1))
    torch.testing.assert_close(x, torch.ones(2, 300), rtol=0, atol=1e-3)


def test_with_a_constant_objective_the_point_stays():
    optimizer = LBFGS(torch.ones(1, 3), first_step=0.01)
    values = minimize(optimizer, lambda x: (x * 0).sum(1), 20)
    assert torch.equal(optimizer.ask(), torch.ones(1, 3))
    assert values.abs().max() == 0


@pytest.mark.parametrize(("size", "share"), [(0.1, 1.0), (2.0, 1 / 8)])
def test_the_first_step_is_torchs(size, share):
    """The gradient times 1/‖g‖₁, and times 1 where that is more."""
    optimizer, gradient = LBFGS(torch.ones(1, 4)), torch.tensor([[size, -size, size, -size]])
    optimizer.tell(optimizer.ask(), torch.ones(1), gradient)
    torch.testing.assert_close(optimizer.ask(), 1 - share * gradient)


def test_no_step_is_longer_than_longest_step():
    """Neither the first one nor, by the curvature, the second, which would lead to the minimum."""
    optimizer = LBFGS(torch.ones(1, 4), first_step=1.0, longest_step=0.1)
    for count in range(2):
        x = optimizer.ask()
        assert optimizer.count.item() == max(0, count - 1)
        optimizer.tell(x, x.square().sum(1), 2 * x)
        torch.testing.assert_close((optimizer.ask() - x).square().mean().sqrt(), torch.tensor(0.1))
    assert optimizer.count.item() == 1


def test_curvature_is_forgotten_after_six_rejections_in_a_row():
    optimizer = LBFGS(far_start(6), memory=5)
    minimize(optimizer, rosenbrock, 5)
    stored = optimizer.count.item()
    assert stored > 0
    for rejection in range(1, 7):
        optimizer.tell(optimizer.ask(), torch.tensor([1e9], dtype=torch.float64), optimizer.gradient.clone())
        assert optimizer.count.item() == (0 if rejection == 6 else stored)


def test_a_restart_restores_the_learning_rate_that_values_without_a_number_have_reduced():
    optimizer = Adam(torch.zeros(1, 3), learning_rate=0.02)
    for _ in range(4):
        optimizer.tell(optimizer.ask(), torch.tensor([torch.nan]), torch.ones(1, 3))
    assert optimizer.rate.item() == pytest.approx(0.02 / 16)
    optimizer.restart()
    assert optimizer.rate.item() == pytest.approx(0.02)
