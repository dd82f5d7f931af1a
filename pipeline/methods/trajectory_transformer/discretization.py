"""Quantile bins: every dimension of a transition to one of a hundred tokens and back.

Source: Janner et al. 2021 (arXiv 2106.02039), section 3.1;
jannerm/trajectory-transformer:trajectory/utils/discretization.py (`QuantileDiscretizer`) and
trajectory/datasets/sequence.py (values).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline import PipelineError
from pipeline.data.returns import returns_to_go
from pipeline.evidence import checkpoints

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from pipeline.data.episodes import Episodes

BINS = 100
FILE = "discretizer.safetensors"  # beside a checkpoint
DISCOUNT = 0.99


class DiscretizerError(PipelineError):
    """Thresholds that cannot be used."""


def values_to_come(rewards: Float[np.ndarray, "*batch time"], discount: float = DISCOUNT) -> Float[np.ndarray, "*batch time"]:
    """V_t = r_{t+1} + discount · r_{t+2} + ... to the episode's end, this step's reward left out; (..., step) float64."""
    ahead = np.zeros(np.shape(rewards))
    ahead[..., :-1] = returns_to_go(rewards, discount)[..., 1:]
    return ahead


def columns(episodes: Episodes, discount: float = DISCOUNT) -> Float[np.ndarray, "transition dimension"]:
    """Transitions as they are tokenized: observation, action, reward, value; (transition, dimension) float64, no padding."""
    values = values_to_come(episodes.rewards, discount)
    parts = episodes.observations, episodes.actions, episodes.rewards[..., None], values[..., None]
    return np.concatenate(parts, axis=-1, dtype=np.float64)[episodes.valid]


@dataclass(frozen=True)
class QuantileDiscretizer:
    """Bins with about equally many of the data in each.

    thresholds: (bins + 1, dimension) float64, never falling. Bin i holds thresholds[i] <= x < thresholds[i + 1]; the
    first also holds all below, the last all above. Values that the data hold many times make equal thresholds: of the
    bins that begin there the **last** holds them, the others are empty, and a model that names an empty one is taken to
    mean that value.
    """

    thresholds: np.ndarray

    @property
    def bins(self) -> int:
        """How many bins each dimension has."""
        return len(self.thresholds) - 1

    @property
    def midpoints(self) -> Float[np.ndarray, "bin dimension"]:
        """What each bin decodes to, (bins, dimension)."""
        return self.thresholds[:-1] + np.diff(self.thresholds, axis=0) / 2

    def encode(self, values: Float[np.ndarray, "*batch dimension"]) -> Int[np.ndarray, "*batch dimension"]:
        """Bins (..., dimension) int64 of the first dimensions of a transition (..., dimension), such as an observation alone.

        Raises:
            DiscretizerError: a value is not a number, or there are more dimensions than bins were made for.
        """
        values = np.asarray(values, dtype=np.float64)
        self.check_width(values.shape[-1])
        if np.isnan(values).any():
            raise DiscretizerError("a value to be discretized is not a number (NaN)")
        found = [
            np.searchsorted(self.thresholds[:, dimension], values[..., dimension], side="right")
            for dimension in range(values.shape[-1])
        ]
        return (np.stack(found, axis=-1) - 1).clip(0, self.bins - 1)

    def decode(self, tokens: Int[np.ndarray, "*batch dimension"]) -> Float[np.ndarray, "*batch dimension"]:
        """Midpoints (..., dimension) of the bins of the first dimensions; a stop token decodes as the last bin, as
        published.
        """
        tokens = np.asarray(tokens)
        self.check_width(tokens.shape[-1])
        if tokens.size and not (tokens.min() >= 0 and tokens.max() <= self.bins):
            raise DiscretizerError(f"tokens must lie between 0 and {self.bins}, found {tokens.min()} to {tokens.max()}")
        return self.midpoints[tokens.clip(max=self.bins - 1), np.arange(tokens.shape[-1])]

    def check_width(self, width: int) -> None:
        """Raise DiscretizerError where there are more dimensions than thresholds."""
        if width > self.thresholds.shape[1]:
            raise DiscretizerError(f"{width} dimensions, and thresholds for {self.thresholds.shape[1]}")


def fit(data: Float[np.ndarray, "*batch dimension"], bins: int = BINS) -> QuantileDiscretizer:
    """Bins for transitions (..., dimension): thresholds are every ceil(n / bins)-th element of each sorted column, and
    its maximum.

    Where that leaves fewer than `bins` of them (some n below bins²) the maximum fills up, so that the last bins are empty
    but one.

    Raises:
        DiscretizerError: there are no data, or they are not finite.
    """
    flat = np.asarray(data, dtype=np.float64).reshape(-1, np.shape(data)[-1])
    if not len(flat) or not np.isfinite(flat).all():
        raise DiscretizerError(
            f"bins need finite data, got {len(flat)} transitions, {int((~np.isfinite(flat)).sum())} numbers not finite"
        )
    ordered = np.sort(flat, axis=0)
    chosen = ordered[:: -(-len(flat) // bins)]
    filling = np.repeat(ordered[-1:], bins + 1 - len(chosen), axis=0)
    return QuantileDiscretizer(np.concatenate([chosen, filling]))


def write(path: Path, discretizer: QuantileDiscretizer) -> None:
    """Write the thresholds as safetensors, whole or not at all."""
    checkpoints.write_tensors(path, {"thresholds": torch.from_numpy(discretizer.thresholds)})


def read(path: Path, bins: int, dimensions: int) -> QuantileDiscretizer:
    """Read the thresholds beside a checkpoint whose transitions have that many dimensions.

    Raises:
        CheckpointError: the file is missing or cannot be read.
        DiscretizerError: it holds no thresholds of that shape, or they are not finite, or fall.
    """
    tensors, _ = checkpoints.read_tensors(path)
    if "thresholds" not in tensors or tuple(tensors["thresholds"].shape) != (bins + 1, dimensions):
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        raise DiscretizerError(
            f"{path} must hold thresholds of shape {(bins + 1, dimensions)}, it holds {shapes}: {checkpoints.CURE}"
        )
    thresholds = tensors["thresholds"].double().numpy()
    if not np.isfinite(thresholds).all() or (np.diff(thresholds, axis=0) < 0).any():
        raise DiscretizerError(f"{path} holds thresholds that are not finite or that fall: {checkpoints.CURE}")
    return QuantileDiscretizer(thresholds)
