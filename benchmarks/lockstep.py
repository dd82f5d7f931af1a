"""Evaluating a Decision Transformer: many episodes in lockstep against the published example's loop, one episode at a time.

    python -m benchmarks.lockstep

The published loop (huggingface/transformers, run_decision_transformer.py) calls the model once for each step of each episode
on a history that grows by concatenation, cut to its last 20 steps and padded on the left, with gradients recorded although
none is wanted; it is written here anew, once as it stands and once without gradients. What is timed includes the simulators.
"""

from __future__ import annotations

import multiprocessing
import statistics
from concurrent.futures import ProcessPoolExecutor

import torch
from transformers import DecisionTransformerModel

from benchmarks import machine, median, take_turns
from pipeline import command, environments, files, runs
from pipeline.policies import decision_transformer

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


def lockstep(seeds: range, steps: int = LOCKSTEP_STEPS) -> None:
    """This project's policy on many episodes at once."""
    environments.play(policy(), RUN.environment, seeds, steps=steps)


def policy() -> decision_transformer.DecisionTransformerPolicy:
    """The run's policy, loaded once for each process."""
    if not hasattr(policy, "loaded"):
        torch.set_num_threads(1)
        policy.loaded = decision_transformer.load(RUN)
    return policy.loaded


def main() -> None:
    """Take turns and print milliseconds per step of an episode, and ratios."""
    torch.set_num_threads(1)
    model = DecisionTransformerModel.from_pretrained(files.ROOT / "checkpoints" / RUN.checkpoint).eval()
    halves = [range(0, EPISODES // WORKERS), range(EPISODES // WORKERS, EPISODES)]

    def published() -> None:
        published_loop(model, RUN.target_return, 100, PUBLISHED_STEPS)

    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as workers:
        ours = f"lockstep, {EPISODES} episodes"
        contenders = {
            "published loop": (published, PUBLISHED_STEPS),
            "published loop, no gradients": (torch.no_grad()(published), PUBLISHED_STEPS),
            f"lockstep, {RUN.shard_episodes} episodes": (lambda: lockstep(range(RUN.shard_episodes)), RUN.shard_episodes * LOCKSTEP_STEPS),
            ours: (lambda: lockstep(range(EPISODES)), EPISODES * LOCKSTEP_STEPS),
            f"{ours}, {WORKERS} processes": (lambda: list(workers.map(lockstep, halves)), EPISODES * LOCKSTEP_STEPS),
        }
        seconds = take_turns({name: contender for name, (contender, _) in contenders.items()})
    per_step = {name: [value / contenders[name][1] for value in values] for name, values in seconds.items()}
    print(machine())
    for name, values in per_step.items():
        ratios = [statistics.median(per_step[base]) / statistics.median(values) for base in list(per_step)[:2]]
        print(f"{name:38} {median(values):32} {ratios[0]:5.2f}x published, {ratios[1]:5.2f}x published without gradients")


if __name__ == "__main__":
    command.run(main)
