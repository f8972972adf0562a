"""How weights change in a step: convolutions within the network by Muon, all others by AdamW.

Muon makes the momentum of a layer orthogonal before it is added, so that a step changes what a
layer does in all directions alike (Jordan et al., "Muon: an optimizer for hidden layers in neural
networks", 2024). Its steps are scaled to the size of AdamW's, so that both take one learning rate
and one weight decay (Liu et al., "Muon is scalable for LLM training", 2025).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch

from digit_sequence.learn.checkpoints import check_like

MOMENTUM = 0.95
ADAM_SIZE = 0.2
"""Root mean square of the changes that AdamW makes, for a learning rate of 1."""
_ITERATIONS = 5
_POLYNOMIAL = (3.4445, -4.7750, 2.0315)
"""Of an iteration: each singular value x becomes a x + b x^3 + c x^5, which ends near 1."""


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """Momentum, made orthogonal; PyTorch's own knows no weights of convolutions.

    Parameters
    ----------
    weights : iterable of Parameter, each of shape (outputs, ...)
    weight_decay : float
    dtype : torch.dtype
        In which momentum is made orthogonal.
    """

    def __init__(self, weights: Iterable[Any], weight_decay: float, dtype: Any) -> None:
        super().__init__(weights, {"lr": 0.0, "weight_decay": weight_decay})
        self._dtype = dtype

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self) -> None:
        """Change the weights by their gradients."""
        (group,) = self.param_groups
        alike = defaultdict(list)
        """Weights of the same shape, with their momentum a step ahead."""
        for weights in group["params"]:
            state = self.state[weights]
            if not state:
                state["momentum_buffer"] = torch.zeros_like(weights)
            momentum = state["momentum_buffer"].lerp_(weights.grad, 1 - MOMENTUM)
            ahead = weights.grad.lerp(momentum, MOMENTUM).flatten(1)
            alike[ahead.shape].append((weights, ahead))
        for shape, layers in alike.items():
            matrices = torch.stack([ahead for _, ahead in layers]).to(self._dtype)
            changes = orthogonalize(matrices).float()
            size = group["lr"] * ADAM_SIZE * max(shape) ** 0.5
            for (weights, _), change in zip(layers, changes, strict=True):
                weights.mul_(1 - group["lr"] * group["weight_decay"])
                weights.sub_(change.view_as(weights), alpha=size)


def orthogonalize(matrices: Any) -> Any:
    """Return matrices of the same singular vectors, whose singular values are about 1.

    Newton-Schulz iterations of a polynomial: singular values end within 0.68 to 1.14.

    Parameters
    ----------
    matrices : Tensor of floats, shape (B, M, N)

    Returns
    -------
    Tensor of the same type and shape
    """
    is_tall = matrices.shape[1] > matrices.shape[2]
    found = matrices.mT if is_tall else matrices
    found = found / (found.norm(dim=(1, 2), keepdim=True) + 1e-7)
    a, b, c = _POLYNOMIAL
    for _ in range(_ITERATIONS):
        squares = found @ found.mT
        found = a * found + (b * squares + c * squares @ squares) @ found
    return found.mT if is_tall else found


def make_optimizers(model: Any, weight_decay: float, bfloat16: bool) -> tuple[Any, ...]:
    """Return Muon for the convolutions of a network but its first and last, AdamW for all else."""
    convolutions = [weights for weights in model.parameters() if weights.ndim == 4]
    inner = convolutions[1:-1]
    others = [weights for weights in model.parameters() if all(weights is not it for it in inner)]
    return (
        Muon(inner, weight_decay, torch.bfloat16 if bfloat16 else torch.float32),
        torch.optim.AdamW(others, weight_decay=weight_decay),
    )


def load_optimizer(optimizer: Any, saved: Any) -> None:
    """Go on with what a saved optimizer knew.

    Raises
    ------
    OutputError
        If it knew other weights than those of this one.
    """
    for index, weights in enumerate(optimizer.param_groups[0]["params"]):
        like = (
            {"momentum_buffer": weights}
            if isinstance(optimizer, Muon)
            else {"step": torch.zeros(()), "exp_avg": weights, "exp_avg_sq": weights}
        )
        if index in saved["state"]:
            check_like(saved["state"][index], like, "optimizer")
    optimizer.load_state_dict(saved)
