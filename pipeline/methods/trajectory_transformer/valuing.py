"""A beam search that bootstraps its returns by a critic Q(s, a), where `planning` does by the model's own value token.

A candidate of t transitions is scored r_1 + γ r_2 + ... + γ^(t-2) r_(t-1) + γ^(t-1) Q(s_t, a_t): the rewards imagined before
its last transition, and the critic's value of that transition's observation and action, which counts its reward and all that
follow. What is drawn, read and kept is as in `planning`; bins of observations and actions are decoded as their midpoints.

Source: Janner et al. 2021 (arXiv 2106.02039), who search so in mazes, by the Q-function of implicit Q-learning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline.methods.trajectory_transformer import planning
from pipeline.methods.trajectory_transformer.decoding import Decoder, TokensError
from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer
from pipeline.methods.trajectory_transformer.planning import NOT_FINITE, PlanningError, Plans, Search

if TYPE_CHECKING:
    from jaxtyping import Float, Int, Real

# values (...) of observations (..., observation) and actions (..., action)
Critic = Callable[[Tensor, Tensor], Tensor]


def check(search: Search) -> None:
    """Raise PlanningError where a critic cannot take the value token's place."""
    if search.window != "growing" or (search.reward_weight, search.value_weight) != (1.0, 1.0):
        raise PlanningError("a critic values plans in a growing window, rewards counted once: window growing, no weights")


@torch.inference_mode()
def plan(
    decoder: Decoder,
    discretizer: QuantileDiscretizer | None,
    contexts: Real[Tensor, "*batch time"],
    search: Search,
    seeds: Sequence,
    critic: Critic,
) -> Plans:
    """Search from each episode's context.

    Args:
        decoder: the model.
        discretizer: the bins the model was trained with.
        contexts: (episode, time) int64: the last transitions, then the present observation. Values among them are never read.
        search: the settings.
        seeds: one for each episode, anything `numpy.random.default_rng` takes.
        critic: discounted sums of rewards, with the search's own discount.

    Raises:
        PlanningError: before any work, see `check` and `planning.check`; or what model or critic say is not finite.
    """
    check(search)
    planning.check(decoder.config, discretizer, contexts, search, seeds)
    midpoints = torch.from_numpy(discretizer.midpoints).to(decoder.positions)
    uniform = torch.from_numpy(planning.draws(seeds, search, decoder.config.action_dim)).transpose(-1, -2).contiguous()
    try:
        found = plan_together(decoder, midpoints, contexts, uniform, search, critic)
    except TokensError:  # of logits that are not finite, no bin is the likeliest
        raise PlanningError(NOT_FINITE) from None
    if not found.scores.isfinite().all():
        raise PlanningError(f"{NOT_FINITE}, or the critic's are")
    return found


def plan_together(
    decoder: Decoder,
    midpoints: Float[Tensor, "bin dimension"],
    contexts: Int[Tensor, "episode time"],
    uniform: Float[Tensor, "transition action episode beam alternative"],
    search: Search,
    critic: Critic,
) -> Plans:
    """The search for some episodes.

    Args:
        decoder: the model.
        midpoints: (bin, dimension), what each bin stands for.
        contexts: (episode, time) int64.
        uniform: (transition, action, episode, beam, alternative), the numbers that draw actions.
        search: the settings.
        critic: values observations and actions.
    """
    config, shape = decoder.config, (len(contexts), search.beams)
    episode = torch.arange(len(contexts))[:, None]  # (episode, 1), beside (episode, beam)
    present = contexts[:, None, -config.observation_dim :].expand(*shape, -1)  # (episode, beam, observation)
    sequences = contexts.new_empty(*shape, 0)  # (episode, beam, time): what each beam made so far
    earned = scores = midpoints.new_zeros(shape)  # (episode, beam)
    logits, cache = planning.begin(decoder, contexts, sequences, search)
    for step in range(search.horizon):
        tokens, rewards, _ = planning.act(decoder, cache, logits, uniform[step], search, midpoints)
        values = worth(midpoints, present, tokens[..., : config.action_dim], critic)  # (episode, beam, alternative)
        totals = earned[..., None] + search.discount**step * rewards
        outlook = earned[..., None] + search.discount**step * values
        # (episode, alternative · beam), of which the best go on: (episode, beam)
        scores, chosen = outlook.transpose(1, 2).flatten(1).topk(search.beams)
        alternatives, parents = chosen // search.beams, chosen % search.beams
        earned = totals[episode, parents, alternatives]
        sequences = torch.cat([sequences[episode, parents], tokens[episode, parents, alternatives]], dim=-1)
        if step + 1 < search.horizon:
            logits, cache = planning.move_on(decoder, cache, contexts, sequences, parents, alternatives, search)
            sequences, logits = planning.observe(decoder, cache, sequences, logits)
            present = sequences[..., -config.observation_dim :]
    return Plans(planning.transitions(contexts, sequences, config), scores)


def worth(
    midpoints: Float[Tensor, "bin dimension"],
    observations: Int[Tensor, "episode beam observation"],
    actions: Int[Tensor, "episode beam alternative action"],
    critic: Critic,
) -> Float[Tensor, "episode beam alternative"]:
    """What the critic says (episode, beam, alternative) of each beam's observation and each alternative's action, as tokens.

    A stop token stands for the last bin, as `discretization` decodes it.
    """
    last, size = len(midpoints) - 1, observations.shape[-1]
    seen = midpoints[observations.clamp(max=last), torch.arange(size)]
    done = midpoints[actions.clamp(max=last), size + torch.arange(actions.shape[-1])]
    return critic(seen[:, :, None].expand(*done.shape[:-1], -1), done)
