"""Weigh what choosing an action takes: bytes of weights, of tensors alive at once, and of a cache kept while planning.

    python -m pipeline make memory/local_dt_halfcheetah

One episode alone, one thread, as its actions are timed (`pipeline.measures.time_actions`). Bytes are those that torch
allocates, which repeat; what the interpreter and its libraries take is the same for every method and is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch.profiler import ProfilerActivity, profile

from pipeline import files
from pipeline.evidence.records import Found, Recipe
from pipeline.methods import policies
from pipeline.methods.trajectory_transformer.decoding import Cache, Decoder
from pipeline.worlds import environments, levels

if TYPE_CHECKING:
    from pipeline.study.measurements import Latency, PlanLatency


class WeighedDecoder(Decoder):
    """A decoder that knows how large the largest of its caches is."""

    cache_bytes = 0

    def empty(self, *arguments) -> Cache:
        """A cache as the decoder makes it."""
        cache = super().empty(*arguments)
        tensors = (cache.shared_keys, cache.shared_values, cache.keys, cache.values)
        self.cache_bytes = max(self.cache_bytes, sum(tensor.nbytes for tensor in tensors))
        return cache


def peak_bytes(act) -> int:
    """The most bytes of tensors allocated at once while a function runs, beyond those that were there before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        act()
    events = [event for event in found.profiler.kineto_results.events() if event.name() == "[memory]"]
    alive = np.cumsum([event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())])
    return int(alive.max(initial=0))


def weigh(policy, act, moments: int) -> dict:
    """Bytes of a policy's weights, the most at once of its tensors over so many moments of acting, and of its cache."""
    if hasattr(policy, "decoder"):
        policy.decoder = WeighedDecoder(policy.model)
    weights = sum(tensor.nbytes for tensor in policy.model.state_dict().values())
    peak = max(peak_bytes(act) for _ in range(moments))
    return {"weights_bytes": weights, "peak_bytes": peak, "cache_bytes": getattr(vars(policy).get("decoder"), "cache_bytes", 0)}


def of_actions(run: Latency, warmup: int, moments: int) -> dict:
    """What actions of one episode take, after so many that fill the context."""
    policy = policies.load(run)
    simulators = environments.make_many(run.environment, 1)
    policy.reset([0])
    state = {"observation": simulators.reset(seed=[0])[0], "reward": np.zeros(1)}

    def act() -> None:
        action = policy.act(state["observation"].astype(np.float32), state["reward"])
        state["observation"], state["reward"], *_ = simulators.step(action)

    for _ in range(warmup):
        act()
    found = weigh(policy, act, moments)
    simulators.close()
    return found


def of_plans(run: PlanLatency, moments: int) -> dict:
    """What plans take, each for the first view of another episode."""
    policy, simulator = policies.load(run), levels.make(run.level)
    seeds = iter(range(run.first_seed, run.first_seed + moments))

    def act() -> None:
        seed = next(seeds)
        levels.reset(simulator, seed)
        policy.reset([seed])
        policy.act(levels.observe([simulator]), np.zeros(1, dtype=np.int64))

    return weigh(policy, act, moments)


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """What the actions, or plans, of one run take."""
    run, (timed,) = recipe.run, recipe.holds
    values = of_plans(timed, run.moments) if hasattr(timed, "level") else of_actions(timed, run.warmup, run.moments)
    return Found({"moments": run.moments, "threads": 1, **values})
