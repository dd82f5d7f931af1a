"""Decision Transformer: transformers' own model with the published sizes, its training batches and its loss.

Source: Chen et al. 2021 (arXiv 2106.01345); kzl/decision-transformer:gym/experiment.py for every number.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from transformers import DecisionTransformerConfig, DecisionTransformerModel

from pipeline.data import normalization, windows
from pipeline.data.episodes import Episodes
from pipeline.data.returns import returns_to_go

if TYPE_CHECKING:
    from pipeline.methods.decision_transformer.settings import DecisionTransformerTraining


def build(run: DecisionTransformerTraining, episodes: Episodes) -> DecisionTransformerModel:
    """A new model of the published architecture; the data's statistics travel in its configuration.

    `context_length` was once transformers' default `max_length=20` and never written down; transformers 5 drops that
    name silently, so it is kept under one of our own.
    """
    mean, std = normalization.observation_statistics(episodes.observations[episodes.valid])
    config = DecisionTransformerConfig(
        state_dim=episodes.observations.shape[-1],
        act_dim=episodes.actions.shape[-1],
        hidden_size=run.hidden_size,
        n_layer=run.layers,
        n_head=run.heads,
        n_inner=4 * run.hidden_size,
        activation_function="relu",
        max_ep_len=episodes.observations.shape[1],
        resid_pdrop=run.dropout,
        attn_pdrop=run.dropout,
        embd_pdrop=run.dropout,
        bos_token_id=None,
        eos_token_id=None,
        context_length=run.context_length,
        return_scale=run.return_scale,
        observation_mean=mean.tolist(),
        observation_std=std.tolist(),
        training=asdict(run),
    )
    return DecisionTransformerModel(config)


class Batches:
    """Windows of `context_length` transitions, normalized, left-padded, drawn uniformly over the dataset's transitions, each of
    which ends one: so episodes are drawn in proportion to their length, as published, and none of their padding is.
    """

    def __init__(self, episodes: Episodes, run: DecisionTransformerTraining, like: Episodes | None = None):
        """Prepare `episodes`, normalized by the statistics of `like` where given."""
        self.run = run
        learnt = like or episodes
        mean, std = normalization.observation_statistics(learnt.observations[learnt.valid])
        self.lengths = episodes.lengths
        self.observations = (episodes.observations - mean) / std
        self.actions = episodes.actions
        self.told_returns = (returns_to_go(episodes.rewards) / run.return_scale).astype(np.float32)

    def draw(self, generator: np.random.Generator, size: int) -> dict[str, Tensor]:
        """`size` windows: states (batch, time, observation), actions, returns_to_go (batch, time, 1), timesteps,
        attention_mask.
        """
        episode, last = windows.draw(generator, self.lengths, size)
        step = last + np.arange(1 - self.run.context_length, 1)
        mask = step >= 0
        step = np.maximum(step, 0)
        return {
            "states": torch.from_numpy(self.observations[episode, step] * mask[..., None]),
            "actions": torch.from_numpy(self.actions[episode, step] * mask[..., None]),
            "returns_to_go": torch.from_numpy((self.told_returns[episode, step] * mask)[..., None]),
            "timesteps": torch.from_numpy(step),
            "attention_mask": torch.from_numpy(mask.astype(np.float32)),
        }


def loss(model: DecisionTransformerModel, batch: dict[str, Tensor]) -> Tensor:
    """Mean squared error of the predicted actions over the tokens that are not padding."""
    predicted = model(**batch).action_preds
    squared = (predicted - batch["actions"]).square().mean(dim=-1)
    mask = batch["attention_mask"]
    return (squared * mask).sum() / mask.sum()
