"""A Decision Transformer of which one attention head says the same to every token: what hangs on what that head says.

`mean`: its output, before the layer's linear map mixes heads, is the mean over the tokens of fixed contexts. `random`: a fixed
direction of the same norm, the control: a head may matter by merely being there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import DecisionTransformerModel

from pipeline import PipelineError, files
from pipeline.evidence import checkpoints, recipes
from pipeline.methods.decision_transformer import policy as plain
from pipeline.methods.decision_transformer.policy import DecisionTransformerPolicy

if TYPE_CHECKING:
    from jaxtyping import Float

    from pipeline.study.interventions import AveragedEvaluation

SAID = ("mean", "random")


def columns_of(model: DecisionTransformerModel, head: int) -> slice:
    """Where a head's output stands in what goes into the layer's linear map."""
    size = model.config.hidden_size // model.config.n_head
    return slice(head * size, (head + 1) * size)


@torch.inference_mode()
def mean_output(
    policy: DecisionTransformerPolicy, contexts: dict[str, Tensor], layer: int, head: int
) -> Float[Tensor, " size"]:
    """Mean output (size,) of a head over all tokens of recorded contexts."""
    seen = []
    mixing = policy.model.encoder.h[layer].attn.c_proj
    hook = mixing.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        policy.respond(contexts)
    finally:
        hook.remove()
    return seen[0][..., columns_of(policy.model, head)].mean(dim=(0, 1))


def say(model: DecisionTransformerModel, layer: int, head: int, output: Float[Tensor, " size"]) -> None:
    """Have a head put out that (size,) at every token from now on."""

    def replaced(_, inputs):
        mixed = inputs[0].clone()
        mixed[..., columns_of(model, head)] = output
        return (mixed, *inputs[1:])

    model.encoder.h[layer].attn.c_proj.register_forward_pre_hook(replaced)


def direction(output: Float[Tensor, " size"], seed: int) -> Float[Tensor, " size"]:
    """A random direction of the same norm."""
    drawn = torch.randn(output.shape, generator=torch.Generator().manual_seed(seed))
    return drawn * output.norm() / drawn.norm()


def load(run: AveragedEvaluation) -> DecisionTransformerPolicy:
    """The policy of an evaluation, with the head that it names saying the same to every token.

    Raises:
        CheckpointError: the checkpoint, or the contexts, cannot be used.
        PipelineError: there is no such head, or nothing is known of what it is to say.
    """
    policy = plain.load(run)
    config = policy.model.config
    if run.layer not in range(config.n_layer) or run.head not in range(config.n_head) or run.said not in SAID:
        heads = f"{config.n_layer} layers of {config.n_head}"
        raise PipelineError(f"{run.name}: head {run.head} of layer {run.layer} cannot say {run.said!r}: {heads}, {SAID}")
    contexts, _ = checkpoints.read_tensors(files.ROOT / recipes.contexts_file(run.contexts))
    output = mean_output(policy, contexts, run.layer, run.head)
    say(policy.model, run.layer, run.head, output if run.said == "mean" else direction(output, run.layer))
    return policy
