"""The training's losses: relative errors of the student's features, Gram matrices and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from nst.lite.schedule import Plan
from nst.lite.student import Student
from nst.losses.functional import gram
from nst.optim.preconditioner import Smoothing
from nst.settings import LITE_LAYERS

if TYPE_CHECKING:
    from nst.lite.samples import Sample

STYLE_LAYERS = [layer for layer in LITE_LAYERS if layer.endswith("_1")]


def transfer_loss(grams: dict[str, Tensor], content: Tensor, coefficients: Tensor) -> Tensor:
    """The objective of style transfer with the normalization `relative`, (batch,).

    Args:
        grams: by layer, (3 · batch, N, N), ordered image, content, style for each triple.
        content: the features of conv4_2, (3 · batch, N, height, width), in the same order.
        coefficients: (batch, 6), of the content loss and of each style layer's loss.
    """
    f, p, _ = content.unflatten(0, (-1, 3)).unbind(1)
    losses = [(f - p).square().sum((1, 2, 3)) / p.square().sum((1, 2, 3))]
    for layer in STYLE_LAYERS:
        g, _, a = grams[layer].unflatten(0, (-1, 3)).unbind(1)
        losses.append((g - a).square().sum((1, 2)) / a.square().sum((1, 2)))
    return (coefficients * torch.stack(losses, 1)).sum(1)


def distances(
    student: Student, sample: Sample, normalized: Callable[[Tensor], Tensor], gradient: bool
) -> dict[str, Tensor]:
    """Relative squared errors of the student as batch means, by name.

    `feature:LAYER` is ‖Ms − t‖²/‖t‖² of feature maps, `gram:LAYER` the same of Gram matrices. `gradient` is
    log(1 + error) of the gradient of `transfer_loss` in the image, in the norm of the preconditioner of L-BFGS.
    Denominators are at least a tenth of the batch's mean, so that nearly empty images do not dominate.

    normalized: maps images to the student's input. gradient: whether to compute `gradient`.
    """
    pictures = sample.pictures[:, 0].clone().requires_grad_(gradient)
    triples = torch.cat([pictures[:, None], sample.pictures[:, 1:]], 1).flatten(0, 1)
    errors: dict[str, Tensor] = {}
    grams: dict[str, Tensor] = {}
    content = triples
    for layer, s in student(normalized(triples)).items():
        t, m = sample.features[layer], student.maps[layer]
        weight, target = m.to(s.dtype)[:, :, None, None], gram(t)
        if layer < "conv4":  # neighboring positions are similar, so a quarter suffices
            grams[layer] = m @ _products(s) @ m.mT
            row, column = torch.randint(2, (2,)).tolist()
            s, t = s[:, :, row::2, column::2], t[:, :, row::2, column::2]
            mapped = F.conv2d(s, weight)
        else:
            mapped = F.conv2d(s, weight)
            grams[layer] = _products(mapped)
        if layer == "conv4_2":
            content = mapped.float()
        t = t.float()
        errors[f"gram:{layer}"] = _relative((grams[layer] - target).square().sum((1, 2)), target.square().sum((1, 2)))
        errors[f"feature:{layer}"] = _relative((mapped.float() - t).square().sum((1, 2, 3)), t.square().sum((1, 2, 3)))
    if gradient:
        loss = transfer_loss(grams, content, sample.coefficients)
        (gradients,) = torch.autograd.grad(loss.sum(), pictures, create_graph=True)
        errors["gradient"] = _gradient_error(gradients, sample.gradients)
    return errors


def total(errors: dict[str, Tensor], plan: Plan, gradient_coefficient: float) -> Tensor:
    """The training's loss: the sum of the errors times their coefficients."""
    terms = [
        value * (gradient_coefficient if name == "gradient" else plan.coefficient(name))
        for name, value in errors.items()
    ]
    return torch.stack(terms).sum()


def _gradient_error(gradients: Tensor, targets: Tensor) -> Tensor:
    smooth = Smoothing(tuple(gradients.shape), gradients.device, differentiable=True)
    error, target = (gradients - targets).flatten(1), targets.flatten(1)
    return ((error * smooth(error)).sum(1) / (target * smooth(target)).sum(1)).log1p().mean()


def _products(features: Tensor) -> Tensor:
    """As `losses.functional.gram`, but differentiable twice."""
    flat = features.flatten(2)
    return (flat @ flat.mT).float() / flat.shape[2]


def _relative(error: Tensor, size: Tensor) -> Tensor:
    return (error / torch.maximum(size, 0.1 * size.mean())).mean()
