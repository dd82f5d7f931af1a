"""A Decision Transformer with a part put out of action: what of its behavior hangs on that part.

`attention` and `perceptrons`: the output of these sublayers is zero in every layer, so that the residual stream passes by
them. `history`: the context is the present step alone, with its return, its state and the action that is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import DecisionTransformerModel

from pipeline import PipelineError
from pipeline.methods.decision_transformer import policy as decision_transformer
from pipeline.methods.decision_transformer.policy import DecisionTransformerPolicy

if TYPE_CHECKING:
    from pipeline.study.controls import AblatedEvaluation

SUBLAYERS = {"attention": "attn", "perceptrons": "mlp"}


def silence(model: DecisionTransformerModel, sublayers: str) -> None:
    """Have a model's sublayers of that kind, `attn` or `mlp` in transformers' words, put out zeros from now on."""

    def zeros(module, inputs, output):
        return (torch.zeros_like(output[0]), *output[1:]) if isinstance(output, tuple) else torch.zeros_like(output)

    for layer in model.encoder.h:
        getattr(layer, sublayers).register_forward_hook(zeros)


def load(run: AblatedEvaluation) -> DecisionTransformerPolicy:
    """The policy of an evaluation, less what the evaluation ablates.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        PipelineError: nothing is known of what it ablates.
    """
    policy = decision_transformer.load(run)
    if run.ablated == "history":
        policy.context_length = 1
    elif run.ablated in SUBLAYERS:
        silence(policy.model, SUBLAYERS[run.ablated])
    else:
        raise PipelineError(f"{run.name}: there is no {run.ablated!r} to ablate: known are {', '.join(SUBLAYERS)}, history")
    return policy
