"""Collecting transitions: the behavior policy on many episodes in lockstep against one episode at a time.

    python -m benchmarks.collecting

What is timed is what `pipeline.measures.collect` does for a shard, the policy and the simulators, without writing.
"""

from __future__ import annotations

import multiprocessing
import statistics
from concurrent.futures import ProcessPoolExecutor

import torch

from benchmarks import machine, median, take_turns
from pipeline.evidence import checkpoints
from pipeline.graph import command
from pipeline.methods.random_actions.policy import RandomPolicy
from pipeline.methods.soft_actor_critic.model import GaussianPolicyModel
from pipeline.methods.soft_actor_critic.policy import BehaviourPolicy
from pipeline.study import runs
from pipeline.worlds import environments

STEPS, WORKERS = 100, 2
EPISODES = runs.MEDIUM.shard_episodes


def collect(seeds: range) -> None:
    """A stretch of one shard."""
    if not hasattr(collect, "policy"):
        torch.set_num_threads(1)
        collect.policy = BehaviourPolicy(checkpoints.load(runs.BEHAVIOR.name, GaussianPolicyModel))
    environments.play(collect.policy, runs.MEDIUM.environment, seeds, STEPS)


def main() -> None:
    """Take turns and print milliseconds per transition, and ratios."""
    halves = [range(0, EPISODES // WORKERS), range(EPISODES // WORKERS, EPISODES)]
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as workers:
        contenders = {
            "one episode": (lambda: collect(range(1)), 1),
            f"lockstep, {EPISODES} episodes": (lambda: collect(range(EPISODES)), EPISODES),
            f"lockstep, {EPISODES} episodes, {WORKERS} processes": (lambda: list(workers.map(collect, halves)), EPISODES),
            f"random torques, {EPISODES} episodes": (
                lambda: environments.play(RandomPolicy(6), runs.MEDIUM.environment, range(EPISODES), STEPS),
                EPISODES,
            ),
        }
        seconds = take_turns({name: contender for name, (contender, _) in contenders.items()})
    print(machine())
    per_transition = {name: [value / contenders[name][1] / STEPS for value in values] for name, values in seconds.items()}
    alone = statistics.median(next(iter(per_transition.values())))
    for name, values in per_transition.items():
        print(f"{name:38} {median(values):34} {alone / statistics.median(values):5.2f}x one episode")


if __name__ == "__main__":
    command.run(main)
