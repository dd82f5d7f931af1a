"""The seam between the methods: one file each, and nothing else knows how a method acts.

Every file has `load(run) -> policy`. A policy plays many episodes at once and keeps its own history:

- `reset(seeds)` begins one episode per seed;
- `act(observations, rewards) -> actions` takes observations (episode, observation) and the rewards (episode,) that the last
  actions earned (zeros at first), and returns actions (episode, action) in [-1, 1]. Of an episode that is over it sees zeros,
  and what it does there is dropped.

A policy with attention also has `attention(contexts) -> (weights, token_types)`: weights (context, layer, head, query,
key), and the
type of each token by name.
"""

from __future__ import annotations

import importlib
from types import ModuleType


def module(method: str) -> ModuleType:
    """The file of a method."""
    return importlib.import_module(f"pipeline.policies.{method}")
