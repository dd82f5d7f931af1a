"""Evaluating a Decision Transformer: many episodes in lockstep against the published example's loop, one episode at a time.

    python -m benchmarks.lockstep

The published loop (huggingface/transformers, run_decision_transformer.py) calls the model once for each step of each episode
on a history that grows by concatenation, cut to its last 20 steps and padded on the left, with gradients recorded although
none is wanted; it is written here anew, once as it stands and once without gradients. What is timed includes the simulators.

Besides time on the wall, which says little where other programs want the same cores, processor time is measured: that of the
busiest process, which is the time on the wall of a machine with a free core for each.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import torch
from transformers import DecisionTransformerModel

from benchmarks import machine, median, take_turns
from pipeline import files
from pipeline.graph import command
from pipeline.methods.decision_transformer import policy as decision_transformer
from pipeline.study import runs
from pipeline.worlds import environments

EPISODES, WORKERS = 70, 2
PUBLISHED_STEPS, LOCKSTEP_STEPS = 60, 30
RUN = next(run for run in runs.EVALUATIONS if run.method == "decision_transformer" and run.trained)


def padded(history: torch.Tensor, length: int) -> torch.Tensor:
    """The last `length` rows of a history (time, ...) with zeros before them where it is shorter: (1, length, ...)."""
    history = history[-length:]
    return torch.cat([history.new_zeros(length - len(history), *history.shape[1:]), history]).unsqueeze(0)


def published_loop(model: DecisionTransformerModel, target_return: float, seed: int, steps: int) -> float:
    """The published example's loop over one episode; returns the episode's return so far."""
    config = model.config
    mean, std = torch.tensor(config.observation_mean), torch.tensor(config.observation_std)
    simulator = environments.make(RUN.environment)
    state, _ = simulator.reset(seed=seed)
    states = torch.from_numpy(state).float().reshape(1, -1)
    actions = torch.zeros(0, config.act_dim)
    wanted = torch.full((1, 1), target_return / config.return_scale)
    timesteps = torch.zeros(1, dtype=torch.long)
    total = 0.0
    for step in range(steps):
        actions = torch.cat([actions, torch.zeros(1, config.act_dim)])
        length = config.context_length
        mask = torch.cat([torch.zeros(max(0, length - len(states))), torch.ones(min(length, len(states)))]).long()
        inputs = {"states": (states - mean) / std, "actions": actions, "returns_to_go": wanted, "timesteps": timesteps}
        batch = {name: padded(history, length) for name, history in inputs.items()}
        action = model(**batch, attention_mask=mask.unsqueeze(0), return_dict=False)[1][0, -1]
        actions[-1] = action
        state, reward, *_ = simulator.step(action.detach().numpy())
        states = torch.cat([states, torch.from_numpy(state).float().reshape(1, -1)])
        wanted = torch.cat([wanted, (wanted[-1] - reward / config.return_scale).reshape(1, 1)])
        timesteps = torch.cat([timesteps, torch.tensor([step + 1])])
        total += reward
    simulator.close()
    return total


def lockstep(seeds: range, steps: int = LOCKSTEP_STEPS) -> float:
    """This project's policy on many episodes at once; returns seconds of processor time."""
    began = time.process_time()
    environments.play(policy(), RUN.environment, seeds, steps=steps)
    return time.process_time() - began


def policy() -> decision_transformer.DecisionTransformerPolicy:
    """The run's policy, loaded once for each process."""
    if not hasattr(policy, "loaded"):
        torch.set_num_threads(1)
        policy.loaded = decision_transformer.load(RUN)
    return policy.loaded


def main() -> None:
    """Take turns and print what each took."""
    torch.set_num_threads(1)
    model = DecisionTransformerModel.from_pretrained(files.ROOT / "checkpoints" / RUN.checkpoint).eval()
    halves = [range(0, EPISODES // WORKERS), range(EPISODES // WORKERS, EPISODES)]

    def published(gradients: bool) -> float:
        began = time.process_time()
        with torch.set_grad_enabled(gradients):
            published_loop(model, RUN.target_return, 100, PUBLISHED_STEPS)
        return time.process_time() - began

    processor: dict[str, list[float]] = {}

    def kept(name: str, contender) -> Callable[[], None]:
        return lambda: processor.setdefault(name, []).append(contender())

    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as workers:
        few, many = RUN.shard_episodes, f"lockstep, {EPISODES} episodes"
        contenders = {
            "published loop": (lambda: published(True), PUBLISHED_STEPS),
            "published loop, no gradients": (lambda: published(False), PUBLISHED_STEPS),
            f"lockstep, {few} episodes": (lambda: lockstep(range(few)), few * LOCKSTEP_STEPS),
            many: (lambda: lockstep(range(EPISODES)), EPISODES * LOCKSTEP_STEPS),
            f"{many}, {WORKERS} processes": (lambda: max(workers.map(lockstep, halves)), EPISODES * LOCKSTEP_STEPS),
        }
        wall = take_turns({name: kept(name, contender) for name, (contender, _) in contenders.items()})
    print(machine())
    for clock, seconds in (("wall", wall), ("processor", {name: values[1:] for name, values in processor.items()})):
        report(clock, {name: [value / contenders[name][1] for value in values] for name, values in seconds.items()})


def report(clock: str, per_step: dict[str, list[float]]) -> None:
    """Print milliseconds per step of an episode, and how many times faster than the published loop that is."""
    print(f"\n{clock} time per step of an episode; times faster than the published loop, and than it without gradients")
    published = [statistics.median(values) for values in list(per_step.values())[:2]]
    for name, values in per_step.items():
        print(f"{name:36} {median(values):30}", *(f"{base / statistics.median(values):6.2f}x" for base in published))


if __name__ == "__main__":
    command.run(main)
