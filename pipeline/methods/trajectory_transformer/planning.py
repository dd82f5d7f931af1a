"""Planning by beam search in a Trajectory Transformer, many episodes at once.

Source: Janner et al. 2021 (arXiv 2106.02039), section 4.3 and algorithm 1;
jannerm/trajectory-transformer:trajectory/search/core.py (`beam_plan`) and sampling.py, config/offline.py for the numbers.
For each transition ahead, every beam is tried with `expansion` draws of an action; the likeliest reward and value end the
transition; all are scored by expected rewards and the expected value at their end; the best go on, and their next
observation is the likeliest one.

A plan depends on its own episode's tokens and seed only, up to rounding: episodes in a batch share matrix products,
nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pipeline import PipelineError
from pipeline.methods.trajectory_transformer.decoding import Cache, Decoder, TokensError
from pipeline.methods.trajectory_transformer.discretization import DISCOUNT, QuantileDiscretizer
from pipeline.methods.trajectory_transformer.model import TrajectoryTransformerConfig, check_tokens

if TYPE_CHECKING:
    from jaxtyping import Float, Int, Real

WINDOWS = ("growing", "published")
BEAMS_TOGETHER = 128  # four episodes of 32 beams: what eight read lies farther from the processor (benchmarks/README.md)

NOT_FINITE = "the model's logits are not finite, so no plan can be made: its weights are damaged, or too large"


class PlanningError(PipelineError):
    """A plan that cannot be made; the message says why."""


@dataclass(frozen=True)
class Search:
    """How to search; the defaults are the published settings for HalfCheetah (config/offline.py).

    beams: kept after each transition. horizon: transitions ahead. expansion: actions drawn for each beam. context:
    transitions of the past the model may see. action_cdf: tokens of an action are dropped while their probabilities,
    summed from the smallest, stay below this; 0 drops none and 1 all but the likeliest, which makes actions greedy.
    discount: per transition. window: `growing` never drops a token; `published` drops whole transitions from the front
    wherever there are more than 25 · context - 1 tokens. reward_weight, value_weight: how often expected rewards, and
    the value at their end, count in a score; with 0 of both all candidates tie, and which go on is blind to what they are.
    """

    beams: int = 32
    horizon: int = 5
    expansion: int = 2
    context: int = 5
    action_cdf: float = 0.6
    discount: float = DISCOUNT
    window: str = "growing"
    reward_weight: float = 1.0
    value_weight: float = 1.0


@dataclass(frozen=True)
class Plans:
    """tokens (episode, beam, transition, dimension) int64 of the last beams; scores (episode, beam), the best first."""

    tokens: Tensor
    scores: Tensor


def check(
    config: TrajectoryTransformerConfig,
    discretizer: QuantileDiscretizer | None,
    contexts: Real[Tensor, "*batch time"],
    search: Search,
    seeds: Sequence,
) -> None:
    """Raise PlanningError, before any work, where a plan cannot be made.

    Args:
        config: the model's sizes.
        discretizer: its bins.
        contexts: (episode, time) int64.
        search: the settings.
        seeds: one for each episode.
    """
    check_search(config, search)
    width, bins = config.transition_dim, config.vocab_size
    if discretizer is None:
        raise PlanningError("planning needs the discretizer the model was trained with, and there is none")
    if discretizer.thresholds.shape != (bins + 1, width):
        raise PlanningError(
            f"the model has {bins} bins in each of {width} dimensions, and the discretizer {discretizer.bins} bins in each of "
            f"{discretizer.thresholds.shape[1]}"
        )
    past, present = divmod(contexts.shape[-1], width)
    if contexts.ndim != 2 or past > search.context or present != config.observation_dim:
        raise PlanningError(
            f"contexts must be (episode, time): at most {search.context} transitions of {width} tokens, then the "
            f"{config.observation_dim} of an observation; got {tuple(contexts.shape)}"
        )
    if not 0 < len(contexts) == len(seeds):
        raise PlanningError(
            f"a seed for each of at least one context is needed, got {len(seeds)} seeds and {len(contexts)} contexts"
        )
    try:
        check_tokens(contexts, config, contexts.shape[1])
    except ValueError as error:
        raise PlanningError(f"contexts: {error}") from None


def check_search(config: TrajectoryTransformerConfig, search: Search) -> None:
    """Raise PlanningError where a model of these sizes cannot search so."""
    for name, least in (("beams", 1), ("horizon", 1), ("expansion", 1), ("context", 0)):
        if getattr(search, name) < least:
            raise PlanningError(f"{name} must be at least {least}, got {getattr(search, name)}")
    if search.window not in WINDOWS:
        raise PlanningError(f"window must be one of {', '.join(WINDOWS)}, got {search.window!r}")
    if not 0 <= search.action_cdf <= 1:
        raise PlanningError(f"action_cdf must lie between 0 and 1, got {search.action_cdf}")
    if search.window == "published" and search.context == 1 and search.horizon > 1:
        raise PlanningError("a published window of context 1 is empty where a second transition begins: take a context of 2")
    ahead = search.horizon if search.window == "growing" else 0
    longest = config.transition_dim * (search.context + ahead) - 1
    if not config.observation_dim <= longest <= config.block_size:
        raise PlanningError(
            f"a {search.window} window of context {search.context} and horizon {search.horizon} takes {longest} positions, and "
            f"the model has {config.block_size}: change the horizon, the context or the window"
        )


def first_seen(length: int, search: Search, width: int) -> int:
    """The first of `length` tokens that the model sees: whole transitions are dropped until the rest fits the window."""
    if search.window == "growing":
        return 0
    # one token short of whole transitions, as the windows that the model learned from
    beyond = max(0, length - (width * search.context - 1))
    return -(-beyond // width) * width


def draws(seeds: Sequence, search: Search, action_dim: int) -> Float[np.ndarray, "transition action episode alternative beam"]:
    """Uniform numbers (transition, action, episode, expansion, beam), each episode's from a generator of its own seed."""
    # (transition, action, alternative, beam) of each episode, which become the third dimension when stacked
    shape = (search.horizon, action_dim, search.expansion, search.beams)
    return np.stack([np.random.default_rng(seed).random(shape) for seed in seeds], axis=2)


def sample(logits: Float[Tensor, "*batch token"], uniform: Float[Tensor, "*batch"], cdf: float) -> Int[Tensor, "*batch"]:
    """Tokens (...) from logits (..., token) by inversion of uniform numbers (...), unlikely tokens dropped.

    Probabilities are summed from the smallest; all tokens no likelier than the last one before the sum reaches `cdf` are
    dropped (trajectory/search/sampling.py, `filter_cdf`). Where that is all of them, being equal, all stay.
    """
    probabilities = logits.softmax(dim=-1)  # (..., token)
    # numpy's sort, which is quicker than torch's in rows this short
    ascending = torch.from_numpy(np.sort(probabilities.numpy(), axis=-1))
    below = (ascending.cumsum(dim=-1) < cdf).sum(dim=-1, keepdim=True)
    # (..., 1): the likeliest token that goes, below all where none does, and never the very last one
    floor = ascending.gather(-1, (below - 1).clamp(min=0, max=logits.shape[-1] - 2)).masked_fill(below == 0, -1.0)
    # (..., token) again, not renormalized: the number is scaled by what is left instead
    kept = probabilities * (probabilities > floor)
    kept = torch.where(floor < ascending[..., -1:], kept, probabilities)
    cumulative = kept.cumsum(dim=-1)
    total = cumulative[..., -1:]
    # a number that rounds to 1 must not fall off the end, onto tokens that were dropped
    goal = torch.minimum(uniform.unsqueeze(-1).to(total) * total, total.nextafter(torch.zeros_like(total)))
    return torch.searchsorted(cumulative, goal, right=True).squeeze(-1)


def expected(logits: Float[Tensor, "*batch token"], midpoints: Float[Tensor, " bin"]) -> Float[Tensor, "*batch"]:
    """Expectation (...) under logits (..., bins + 1); the stop token's mass is dropped, the rest not renormalized."""
    return logits.softmax(dim=-1)[..., :-1] @ midpoints


def weighted(midpoints: Float[np.ndarray, "bin dimension"], search: Search) -> Float[np.ndarray, "bin dimension"]:
    """What each bin counts, (bins, dimension): rewards and values, the last two dimensions, as often as the search says."""
    weights = np.ones(midpoints.shape[1])
    weights[-2:] = search.reward_weight, search.value_weight
    return midpoints * weights


@torch.inference_mode()
def plan(
    decoder: Decoder,
    discretizer: QuantileDiscretizer | None,
    contexts: Real[Tensor, "*batch time"],
    search: Search,
    seeds: Sequence,
) -> Plans:
    """Search from each episode's context.

    Args:
        decoder: the model.
        discretizer: the bins the model was trained with; it gives rewards and values their numbers.
        contexts: (episode, time) int64: the last transitions, then the present observation. Values among them are never read.
        search: the settings.
        seeds: one for each episode, anything `numpy.random.default_rng` takes, such as [episode's seed, step].

    Raises:
        PlanningError: before any work, see `check`; or the model's logits are not finite.
    """
    check(decoder.config, discretizer, contexts, search, seeds)
    # (bin, dimension) in the model's precision; (transition, action, episode, beam, alternative), as they are used up
    midpoints = torch.from_numpy(weighted(discretizer.midpoints, search)).to(decoder.positions)
    uniform = torch.from_numpy(draws(seeds, search, decoder.config.action_dim)).transpose(-1, -2).contiguous()
    # so many episodes at once that what they read stays near the processor; which they are changes nothing but rounding
    together = max(1, BEAMS_TOGETHER // search.beams)
    groups = zip(contexts.split(together), uniform.split(together, dim=2), strict=True)
    try:
        plans = [plan_together(decoder, midpoints, *group, search) for group in groups]
    except TokensError:  # of logits that are not finite, no bin is the likeliest
        raise PlanningError(NOT_FINITE) from None
    found = Plans(torch.cat([each.tokens for each in plans]), torch.cat([each.scores for each in plans]))
    if not found.scores.isfinite().all():
        raise PlanningError(NOT_FINITE)
    return found


def plan_together(
    decoder: Decoder,
    midpoints: Float[Tensor, "bin dimension"],
    contexts: Int[Tensor, "episode time"],
    uniform: Float[Tensor, "transition action episode beam alternative"],
    search: Search,
) -> Plans:
    """The search for some episodes.

    Args:
        decoder: the model.
        midpoints: (bin, dimension), what each bin counts, see `weighted`.
        contexts: (episode, time) int64.
        uniform: (transition, action, episode, beam, alternative), the numbers that draw actions.
        search: the settings.
    """
    episode = torch.arange(len(contexts))[:, None]  # (episode, 1), beside (episode, beam)
    sequences = contexts.new_empty(len(contexts), search.beams, 0)  # (episode, beam, time): what each beam made so far
    earned = scores = midpoints.new_zeros(len(contexts), search.beams)  # (episode, beam)
    logits, cache = begin(decoder, contexts, sequences, search)
    for step in range(search.horizon):
        tokens, rewards, values = act(decoder, cache, logits, uniform[step], search, midpoints)
        # every beam's alternatives compete with all others of their episode: (episode, beam, alternative)
        totals = earned[..., None] + search.discount**step * rewards
        outlook = totals + search.discount ** (step + 1) * values
        # (episode, alternative · beam), of which the best go on: (episode, beam)
        scores, chosen = outlook.transpose(1, 2).flatten(1).topk(search.beams)
        alternatives, parents = chosen // search.beams, chosen % search.beams
        # (episode, beam) again: a parent may go on twice, or not at all
        earned = totals[episode, parents, alternatives]
        sequences = torch.cat([sequences[episode, parents], tokens[episode, parents, alternatives]], dim=-1)
        if step + 1 < search.horizon:
            logits, cache = move_on(decoder, cache, contexts, sequences, parents, alternatives, search)
            sequences, logits = observe(decoder, cache, sequences, logits)
    return Plans(transitions(contexts, sequences, decoder.config), scores)


def blocks_needed(search: Search) -> int:
    """No fewer blocks than an episode's beams read at once: one for each transition of a beam, and one for each alternative."""
    # a growing window begins with the context, which is shared and takes none; any other may have to be read anew, beam by beam
    transitions = search.horizon if search.window == "growing" else search.context + 1
    return (transitions + search.expansion) * search.beams


def begin(
    decoder: Decoder, contexts: Int[Tensor, "episode time"], sequences: Int[Tensor, "episode beam made"], search: Search
) -> tuple[Float[Tensor, "episode beam token"], Cache]:
    """Read the window anew: the context's part once an episode, then each beam's own part.

    Returns:
        Logits (episode, beam, token) of the next token, and the cache.
    """
    time, width = contexts.shape[1], decoder.config.transition_dim
    first = first_seen(time + sequences.shape[-1], search, width)
    own = sequences[..., max(0, first - time) :]  # (episode, beam, time), what is left where the whole context was dropped
    logits, cache = decoder.begin(contexts[:, first:], search.beams, blocks_needed(search))
    if own.shape[-1]:
        return decoder.extend(cache, own), cache
    return logits[:, None].expand(-1, search.beams, -1), cache


def act(
    decoder: Decoder,
    cache: Cache,
    logits: Float[Tensor, "episode beam token"],
    uniform: Float[Tensor, "action episode beam alternative"],
    search: Search,
    midpoints: Float[Tensor, "bin dimension"],
) -> tuple[
    Int[Tensor, "episode beam alternative drawn"],
    Float[Tensor, "episode beam alternative"],
    Float[Tensor, "episode beam alternative"],
]:
    """Every beam's alternatives for the rest of a transition: actions drawn, the likeliest reward, the likeliest value.

    Args:
        decoder: the model.
        cache: what the beams have read; each alternative reads on in it.
        logits: (episode, beam, token) of the transition's first action.
        uniform: (action, episode, beam, alternative), the numbers that draw actions.
        search: the settings.
        midpoints: (bin, dimension), what each bin counts.

    Returns:
        Tokens (episode, beam, alternative, action + reward + value), expected rewards and values (episode, beam, alternative).
    """
    logits = logits[:, :, None].expand(-1, -1, search.expansion, -1)  # (episode, beam, alternative, token)
    tokens = []  # of each dimension, (episode, beam, alternative)
    for each in uniform:
        tokens.append(sample(logits, each, search.action_cdf))
        logits = decoder.branch(cache, tokens[-1])
    # what a transition is worth is an expectation; what the model reads on from is the likeliest token
    rewards = expected(logits, midpoints[:, -2])
    tokens.append(logits.argmax(dim=-1))
    logits = decoder.branch(cache, tokens[-1])
    tokens.append(logits.argmax(dim=-1))
    return torch.stack(tokens, dim=-1), rewards, expected(logits, midpoints[:, -1])


def move_on(
    decoder: Decoder,
    cache: Cache,
    contexts: Int[Tensor, "episode time"],
    sequences: Int[Tensor, "episode beam made"],
    parents: Int[Tensor, "episode beam"],
    alternatives: Int[Tensor, "episode beam"],
    search: Search,
) -> tuple[Float[Tensor, "episode beam token"], Cache]:
    """Keep the chosen, whose `sequences` now end with a value, and read that; where it moves the window, read the window anew.

    Args:
        decoder: the model.
        cache: what the beams and their alternatives have read.
        contexts: (episode, time) int64.
        sequences: (episode, beam, time) int64: what the chosen made since the context.
        parents: (episode, beam), which beam each of them goes on from.
        alternatives: (episode, beam), which of that beam's alternatives each is.
        search: the settings.

    Returns:
        Logits (episode, beam, token) of the next observation, and the cache.
    """
    width, length = decoder.config.transition_dim, contexts.shape[1] + sequences.shape[-1]
    # positions count from the window's beginning, so a window that moved makes all cached keys wrong
    if first_seen(length, search, width) != first_seen(length - 1, search, width):
        return begin(decoder, contexts, sequences, search)
    decoder.select(cache, parents, alternatives)
    return decoder.extend(cache, sequences[..., -1:]), cache


def observe(
    decoder: Decoder, cache: Cache, sequences: Int[Tensor, "episode beam made"], logits: Float[Tensor, "episode beam token"]
) -> tuple[Int[Tensor, "episode beam longer"], Float[Tensor, "episode beam token"]]:
    """Append each beam's likeliest next observation; returns sequences and the logits of the action's first token."""
    tokens = []
    for _ in range(decoder.config.observation_dim):
        # (episode, beam, 1), which every beam reads before its next dimension is known
        tokens.append(logits.argmax(dim=-1, keepdim=True))
        logits = decoder.extend(cache, tokens[-1])
    return torch.cat([sequences, *tokens], dim=-1), logits


def transitions(
    contexts: Int[Tensor, "episode time"], sequences: Int[Tensor, "episode beam made"], config: TrajectoryTransformerConfig
) -> Int[Tensor, "episode beam transition dimension"]:
    """Whole transitions (episode, beam, transition, dimension): the present observation, then what each beam made of it."""
    # (episode, beam, observation), then what was made: (episode, beam, transition · dimension)
    present = contexts[:, None, -config.observation_dim :].expand(-1, sequences.shape[1], -1)
    return torch.cat([present, sequences], dim=-1).unflatten(-1, (-1, config.transition_dim))
