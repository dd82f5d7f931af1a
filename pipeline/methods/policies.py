"""How methods act, for those who know none: a policy's file has `load(run) -> policy`.

A policy plays many episodes at once and keeps its own history:

- `reset(seeds)` begins one episode per seed;
- `act(observations, rewards) -> actions` takes observations (episode, observation) and the rewards (episode,) that the last
  actions earned (zeros at first), and returns actions (episode, action) in [-1, 1]. Of an episode that is over it sees zeros,
  and what it does there is dropped. On a level `act(views, alive) -> actions` takes what is seen in the episodes still played.

A policy with attention also has `attention(contexts) -> (weights, token_types)`: weights (context, layer, head, query, key),
and the type of each token by name; its file then has `untrained(policy, seed)`, the same with first weights.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.study.run import Run


def module(run: Run) -> ModuleType:
    """The file of a run's policy, in its method's folder."""
    return importlib.import_module(run.policy)


def load(run: Run):
    """The policy of a run, which says all that it is asked.

    Raises:
        PipelineError: its checkpoint, or what it asks for, cannot be used.
    """
    return module(run).load(run)
