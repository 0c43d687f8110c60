"""nst.metrics.samples: the same positions for the same shape, weights that sum to 1, bounded numbers."""

from __future__ import annotations

import torch

from nst.metrics.samples import MAX_POSITIONS, pooled, sampled, share_of


def numbered(height: int, width: int) -> torch.Tensor:
    """A feature map (1, 2, height, width) whose first channel is the index of the position."""
    first = torch.arange(height * width, dtype=torch.float32).view(1, 1, height, width)
    return torch.cat([first, -first], 1)


def test_samples_are_distinct_positions_and_the_same_ones_each_time():
    features = numbered(100, 90)
    vectors, weights = sampled(features)
    assert vectors.shape == (MAX_POSITIONS, 2)
    assert len(set(vectors[:, 0].tolist())) == MAX_POSITIONS
    assert torch.equal(vectors[:, 0], -vectors[:, 1])
    assert torch.equal(vectors, sampled(features.clone()).vectors)
    assert weights.sum().item() == torch.tensor(1.0)
    assert vectors[:, 0].max() > 8000  # not only the top of the image


def test_a_small_map_is_sampled_completely():
    vectors, _ = sampled(numbered(5, 7))
    assert sorted(vectors[:, 0].tolist()) == list(range(35))


def test_hidden_positions_are_left_out_and_others_weigh_as_visible():
    visible = torch.zeros(1, 1, 5, 7)
    visible[..., 1:3] = 0.5
    visible[..., 3] = 1
    vectors, weights = sampled(numbered(5, 7), visible)
    columns = vectors[:, 0].remainder(7)
    assert set(columns.tolist()) == {1, 2, 3}
    assert weights[columns == 3].sum().item() == torch.tensor(0.5)
    assert len(sampled(numbered(5, 7), torch.zeros(1, 1, 5, 7)).vectors) == 35  # nothing visible: everything counts


def test_a_style_weighs_as_its_share_of_the_blend_however_many_samples_it_has():
    parts = [torch.zeros(10, 3), torch.ones(40, 3)]
    vectors, weights = pooled(parts, [0.75, 0.25])
    assert vectors.shape == (50, 3)
    torch.testing.assert_close(weights @ vectors, torch.full((3,), 0.25))
    assert share_of(1) == MAX_POSITIONS
    assert share_of(0.001) == 64
