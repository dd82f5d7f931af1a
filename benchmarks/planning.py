"""Planning with a Trajectory Transformer: the cached beam search against the plain one, and against the arithmetic's floor.

    python -m benchmarks.planning

One thread, a random model of the published size, 32 beams, 5 transitions of context and 5 ahead, growing window. The
plain writing is the one the tests compare plans with (tests/methods/trajectory_transformer/test_planning.py): a whole
forward of all beams for every token. The floor is the floating-point operations that remain when nothing is computed
twice, at the fastest rate of a matrix product seen in the same run.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch

from benchmarks import machine, median, take_turns
from pipeline.graph import command
from pipeline.methods.trajectory_transformer import planning
from pipeline.methods.trajectory_transformer.decoding import Decoder
from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer
from pipeline.methods.trajectory_transformer.model import TrajectoryTransformerConfig, TrajectoryTransformerModel
from pipeline.methods.trajectory_transformer.planning import Search

EPISODES, PRODUCT_SIZES = 8, (256, 512, 1024)


def model_and_discretizer() -> tuple[TrajectoryTransformerModel, QuantileDiscretizer]:
    """A random model of the published size, and random bins for it."""
    torch.manual_seed(0)
    config = TrajectoryTransformerConfig()
    thresholds = np.random.default_rng(0).normal(size=(config.vocab_size + 1, config.transition_dim))
    return TrajectoryTransformerModel(config).eval(), QuantileDiscretizer(np.sort(thresholds, axis=0))


def contexts(config: TrajectoryTransformerConfig, search: Search, episodes: int) -> torch.Tensor:
    """Random contexts of full length."""
    length = search.context * config.transition_dim + config.observation_dim
    return torch.from_numpy(np.random.default_rng(1).integers(config.vocab_size, size=(episodes, length)))


def operations(config: TrajectoryTransformerConfig, search: Search) -> float:
    """Floating-point operations of one plan in the growing window with nothing computed twice: a multiplication and an addition
    for each weight and each attended key and value; normalization, softmax and choice are not counted.
    """
    width, layers = config.n_embd, config.n_layer

    def row(position: int) -> float:
        """One token through all layers: its maps, and the keys it sees, values left out."""
        seen = position + 1 - (position + 1) // config.transition_dim
        return layers * (2 * 12 * width**2 + 4 * seen * width)

    start = search.context * config.transition_dim + config.observation_dim
    head = 2 * width * (config.vocab_size + 1)
    total = sum(row(position) for position in range(start)) + head
    for position in range(start, start + search.horizon * config.transition_dim - config.observation_dim - 1):
        acting = config.observation_dim <= position % config.transition_dim < config.transition_dim - 1
        total += search.beams * (search.expansion if acting else 1) * (row(position) + head)
    return total


def products() -> dict[str, object]:
    """Square matrix products of several sizes, as contenders."""

    def product(size: int):
        left, right = torch.randn(size, size), torch.randn(size, size)
        return lambda: left @ right

    return {f"product {size}": product(size) for size in PRODUCT_SIZES}


def main() -> None:
    """Take turns and print seconds per plan, the gain on the plain writing and the distance from the floor."""
    from tests.methods.trajectory_transformer.test_planning import plain_plan

    torch.set_num_threads(1)
    search = Search()
    model, discretizer = model_and_discretizer()
    decoder = Decoder(model)
    several = contexts(model.config, search, EPISODES)
    seconds = take_turns(
        {
            "one": lambda: planning.plan(decoder, discretizer, several[:1], search, [0]),
            "batch": lambda: planning.plan(decoder, discretizer, several, search, range(EPISODES)),
            **products(),
        }
    )
    print(machine())
    rates = {size: 2 * size**3 / statistics.median(seconds[f"product {size}"]) / 1e9 for size in PRODUCT_SIZES}
    print("matrix products: " + ", ".join(f"{rate:.0f} GFLOP/s at {size}" for size, rate in rates.items()))
    count = operations(model.config, search)
    floor = count / max(rates.values()) / 1e9
    print(f"arithmetic of a plan: {count / 1e9:.2f} GFLOP, {1000 * floor:.3g} ms at the fastest of these")
    for name, episodes in (("one", 1), ("batch", EPISODES)):
        each = [value / episodes for value in seconds[name]]
        print(f"{episodes} at once, per episode: {median(each)}, {statistics.median(each) / floor:.2f}x the floor")
    began = time.perf_counter()
    plain_plan(model, discretizer, several[:1], search, 0)
    plain = time.perf_counter() - began
    print(f"plain writing, one plan, run whole once: {plain:.1f} s, {plain / statistics.median(seconds['one']):.0f}x ours")


if __name__ == "__main__":
    command.run(main)
