"""Planning in a Trajectory Transformer without a beam: whole plans are drawn, or one is drawn and revised block by block.

A block is a transition's action. To revise it is to draw that action anew, keep the actions of all later transitions, imagine
again what comes of them, and go on with whichever plan has the higher score; a sweep revises every block once, the first
first. It is what LEAP does to its plans (Chen et al. 2023, arXiv 2303.16189, algorithm 1), with the search's score in the place
of its energy. Candidates are scored as `planning` does: by expected rewards and the expected value at their end.

Each imagined plan counts as one, whatever of it was known before: a draft and s sweeps over h transitions are 1 + s · h plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pipeline.methods.trajectory_transformer import planning
from pipeline.methods.trajectory_transformer.decoding import Cache, Decoder, TokensError
from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer
from pipeline.methods.trajectory_transformer.planning import NOT_FINITE, PlanningError, Plans, Search

if TYPE_CHECKING:
    from jaxtyping import Float, Int, Real

RANKED = ("score", "likelihood")


@dataclass(frozen=True)
class Revising:
    """How plans are drawn, besides what `Search` says of horizon, context, actions and score; its beams are how many.

    sweeps: over each of them. ranked: which comes first, the one with the highest score, or the one whose actions the model
    holds for the likeliest. Revised plans are accepted by their score.
    """

    sweeps: int = 0
    ranked: str = "score"


@dataclass(frozen=True)
class Imagined:
    """Plans as the model imagines them.

    made: (episode, beam, time) int64, what follows the present observation. rewards: (episode, beam, transition), expected.
    value: (episode, beam), expected at the end. likelihood: (episode, beam, transition), log-probability of each action.
    """

    made: Tensor
    rewards: Tensor
    value: Tensor
    likelihood: Tensor


def check(search: Search, revising: Revising) -> None:
    """Raise PlanningError where plans cannot be drawn so."""
    if revising.sweeps < 0:
        raise PlanningError(f"sweeps must be at least 0, got {revising.sweeps}")
    if revising.ranked not in RANKED:
        raise PlanningError(f"plans are ranked by {' or '.join(RANKED)}, not by {revising.ranked!r}")
    if search.window != "growing" or search.expansion != 1:
        raise PlanningError("whole plans are drawn in a growing window, one action for each: window growing, expansion 1")


@torch.inference_mode()
def plan(
    decoder: Decoder,
    discretizer: QuantileDiscretizer | None,
    contexts: Real[Tensor, "*batch time"],
    search: Search,
    revising: Revising,
    seeds: Sequence,
) -> Plans:
    """Plans for each episode's context, the best first; their scores are those by which candidates are accepted.

    Args:
        decoder: the model.
        discretizer: the bins the model was trained with.
        contexts: (episode, time) int64: the last transitions, then the present observation.
        search: horizon, context, actions, score; as many plans are drawn as it has beams.
        revising: how often they are swept, and by what they are ranked.
        seeds: one for each episode, anything `numpy.random.default_rng` takes.

    Raises:
        PlanningError: before any work, see `check` and `planning.check`; or the model's logits are not finite.
    """
    check(search, revising)
    planning.check(decoder.config, discretizer, contexts, search, seeds)
    midpoints = torch.from_numpy(planning.weighted(discretizer.midpoints, search)).to(decoder.positions)
    uniform = draws(seeds, search, revising, decoder.config.action_dim)
    try:
        read = decoder.begin(contexts, search.beams, planning.blocks_needed(search))
        plans = imagine(decoder, midpoints, read, search, uniform[0])
        for numbers in uniform[1:]:
            for block in range(search.horizon):
                plans = better(plans, revise(decoder, midpoints, read, search, plans, block, numbers[block]), search)
    except TokensError:  # of logits that are not finite, no bin is the likeliest
        raise PlanningError(NOT_FINITE) from None
    scores = scored(plans, search)
    if not scores.isfinite().all():
        raise PlanningError(NOT_FINITE)
    first = scores if revising.ranked == "score" else plans.likelihood.sum(dim=-1)
    order = first.sort(dim=1, descending=True, stable=True).indices
    made = plans.made.gather(1, order[..., None].expand_as(plans.made))
    return Plans(planning.transitions(contexts, made, decoder.config), scores.gather(1, order))


def draws(
    seeds: Sequence, search: Search, revising: Revising, action_dim: int
) -> Float[Tensor, "draft transition action episode beam"]:
    """Uniform numbers (1 + sweep, transition, action, episode, beam), each episode's from a generator of its own seed."""
    shape = (1 + revising.sweeps, search.horizon, action_dim, search.beams)
    return torch.from_numpy(np.stack([np.random.default_rng(seed).random(shape) for seed in seeds], axis=3))


def scored(plans: Imagined, search: Search) -> Float[Tensor, "episode beam"]:
    """Scores (episode, beam): rewards and the value at the end, discounted by transition."""
    discounts = search.discount ** torch.arange(search.horizon + 1, dtype=plans.rewards.dtype)
    return plans.rewards @ discounts[:-1] + discounts[-1] * plans.value


def better(plans: Imagined, others: Imagined, search: Search) -> Imagined:
    """Of each plan and its revision the one with the higher score, the plan where they tie."""
    accepted = scored(others, search) > scored(plans, search)
    pairs = ((getattr(plans, each.name), getattr(others, each.name)) for each in fields(Imagined))
    return Imagined(*(torch.where(accepted.view(*accepted.shape, *[1] * (one.ndim - 2)), other, one) for one, other in pairs))


def revise(
    decoder: Decoder,
    midpoints: Float[Tensor, "bin dimension"],
    read: tuple[Float[Tensor, "episode token"], Cache],
    search: Search,
    plans: Imagined,
    block: int,
    uniform: Float[Tensor, "action episode beam"],
) -> Imagined:
    """The same plans with the action of one transition drawn anew, those before and after it kept.

    Args:
        decoder: the model.
        midpoints: (bin, dimension), what each bin counts.
        read: what the model made of the contexts, which all plans of an episode share.
        search: the settings.
        plans: what is revised.
        block: which transition.
        uniform: (action, episode, beam), the numbers that draw its action.
    """
    config, width = decoder.config, decoder.config.transition_dim
    ends = [(transition + 1) * width - config.observation_dim for transition in range(search.horizon)]  # of each value
    actions = [plans.made[..., end - config.action_dim - 2 : end - 2] for end in ends]
    begun = plans.made[..., : ends[block] - config.action_dim - 2]
    known = Imagined(begun, plans.rewards[..., :block], plans.value, plans.likelihood[..., :block])
    return imagine(decoder, midpoints, read, search, uniform[None], known, actions[block + 1 :])


def imagine(
    decoder: Decoder,
    midpoints: Float[Tensor, "bin dimension"],
    read: tuple[Float[Tensor, "episode token"], Cache],
    search: Search,
    uniform: Float[Tensor, "drawn action episode beam"],
    known: Imagined | None = None,
    given: Sequence[Int[Tensor, "episode beam action"]] = (),
) -> Imagined:
    """What the model imagines of plans, from their beginning or from what is known of them.

    Args:
        decoder: the model.
        midpoints: (bin, dimension), what each bin counts.
        read: what the model made of the contexts: logits (episode, token) of the next token, and the cache.
        search: the settings.
        uniform: (transition, action, episode, beam), the numbers that draw the actions of the next transitions.
        known: how the plans begin, up to an observation; nothing by default.
        given: the actions of the transitions after those that are drawn.
    """
    (first, context), shape = read, (len(read[0]), search.beams)
    made = torch.empty(*shape, 0, dtype=torch.int64) if known is None else known.made
    rewards = [] if known is None else list(known.rewards.unbind(dim=-1))
    likelihood = [] if known is None else list(known.likelihood.unbind(dim=-1))
    shared = context.shared_keys, context.shared_values
    cache = decoder.empty(*shared, *shape, planning.blocks_needed(search), context.position)
    logits = decoder.extend(cache, made) if made.shape[-1] else first[:, None].expand(*shape, -1)
    # of each transition to come, a number for each dimension of its action to be drawn by, or the token itself
    for step, action in enumerate([*uniform, *(each.unbind(dim=-1) for each in given)]):
        likely = logits.new_zeros(shape)
        for each in action:
            token = planning.sample(logits, each, search.action_cdf) if step < len(uniform) else each
            likely = likely + logits.log_softmax(dim=-1).gather(-1, token[..., None])[..., 0]
            made = torch.cat([made, token[..., None]], dim=-1)
            logits = decoder.extend(cache, token[..., None])
        likelihood.append(likely)
        rewards.append(planning.expected(logits, midpoints[:, -2]))
        reward = logits.argmax(dim=-1, keepdim=True)
        logits = decoder.extend(cache, reward)
        value, last = planning.expected(logits, midpoints[:, -1]), logits.argmax(dim=-1, keepdim=True)
        made = torch.cat([made, reward, last], dim=-1)
        if len(rewards) < search.horizon:
            made, logits = planning.observe(decoder, cache, made, decoder.extend(cache, last))
    return Imagined(made, torch.stack(rewards, dim=-1), value, torch.stack(likelihood, dim=-1))
