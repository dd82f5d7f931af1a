"""LEAP that is shown only the earlier, or only the later, actions of its plan when it chooses one again.

What is hidden is hidden from all layers and heads: nothing attends to the actions in question, so that no state of the plan
passes them on either. The states, each of which repeats what was seen first, are not hidden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline.methods.leap.model import LeapModel, LeapOutput

if TYPE_CHECKING:
    from jaxtyping import Float, Int

PARTS = ("later", "earlier")  # actions than the one in question


def hidden_keys(steps: Int[Tensor, " plan"], horizon: int, part: str) -> Float[Tensor, "plan 1 1 key"]:
    """What is added to attention scores (plan, 1, 1, key): -inf at the actions after, or before, a step (plan,), else 0."""
    position = torch.arange(horizon, device=steps.device)
    hides = position > steps[:, None] if part == "later" else position < steps[:, None]
    keys = torch.stack([torch.zeros_like(hides), hides], dim=2).flatten(1)  # state, action, state, action, ...
    return torch.zeros(keys.shape, device=steps.device).masked_fill(keys, -torch.inf)[:, None, None]


class HidingModel(LeapModel):
    """A trained model with a part of the plan hidden; it is asked for one step of each plan at a time."""

    def __init__(self, model: LeapModel, part: str):
        if part not in PARTS:
            raise ValueError(f"what is hidden is one of {', '.join(PARTS)}, not {part!r}")
        super().__init__(model.config)
        self.load_state_dict(model.state_dict())
        self.part, self.keys = part, None
        self.eval()

    def forward(
        self,
        context: Float[Tensor, "plan width"],
        actions: Int[Tensor, "plan horizon"],
        steps: Int[Tensor, " plan"] | None = None,
        **kwargs,
    ) -> LeapOutput:
        """Logits (batch, 6) of the action at one step (batch,) of each plan, given what is not hidden of the others.

        Raises:
            ValueError: no steps are asked for, so that there is no earlier and later.
        """
        if steps is None:
            raise ValueError("what is earlier and later is told from the step that is asked for, and none is")
        self.keys = hidden_keys(steps, actions.shape[1], self.part)
        return super().forward(context, actions, steps, **kwargs)

    def hidden(self, x: Float[Tensor, "plan token width"], rows: Int[Tensor, " plan"] | None) -> Float[Tensor, "plan 1 1 key"]:
        """What is added to the scores of the plans at hand, in every layer."""
        return self.keys
