"""TD3+BC trained for its critics: both are kept as the checkpoint, and the actor is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import PreTrainedModel

from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints
from pipeline.learning import loop
from pipeline.learning.loop import Training
from pipeline.methods.perceptron.model import DeterministicPolicyConfig
from pipeline.methods.td3_bc import train
from pipeline.methods.td3_bc.model import TwinCritics
from pipeline.methods.td3_bc.train import read  # noqa: F401 - the same

if TYPE_CHECKING:
    from jaxtyping import Float

    from pipeline.study.controls import CriticTraining

CRITICS = "critics."  # begins the names of their weights, in progress and checkpoint alike
SHARED = ("observation_dim", "action_dim", "hidden_sizes", "observation_mean", "observation_std", "training")


class CriticConfig(DeterministicPolicyConfig):
    """Sizes of both critics, and what normalizes the observations that they see; as of the actor that they taught."""

    model_type = "twin_critics"

    def __init__(self, **kwargs):  # transformers writes one of its own where a subclass has none
        super().__init__(**kwargs)


class CriticModel(PreTrainedModel):
    """Twin critics Q(s, a) of observations in their own units; the value is the smaller of both, as in their own targets.

    Source: clipped double Q-learning, Fujimoto et al. 2018 (arXiv 1802.09477), section 4.2.
    """

    config_class = CriticConfig

    def __init__(self, config: CriticConfig):
        super().__init__(config)
        self.critics = TwinCritics(config.observation_dim, config.action_dim, config.hidden_sizes)
        self.post_init()

    def _init_weights(self, module):
        """Leave torch's own initialization, which the published code uses."""

    def forward(
        self, observations: Float[Tensor, "*batch observation"], actions: Float[Tensor, "*batch action"]
    ) -> Float[Tensor, "*batch"]:
        """Values (...), discounted sums of rewards, of observations (..., observation) and actions (..., action)."""
        mean, std = (observations.new_tensor(each) for each in (self.config.observation_mean, self.config.observation_std))
        return torch.minimum(*self.critics((observations - mean) / std, actions))


def prepare(run: CriticTraining, whole: Episodes) -> Training:
    """TD3+BC as it is always trained, of which the critics are kept; raises as `train.prepare` does."""
    training = train.prepare(run, whole)

    def model() -> CriticModel:
        actor = training.model().config  # its sizes and statistics are theirs
        kept = CriticModel(CriticConfig(**{name: getattr(actor, name) for name in SHARED}))
        kept.critics.load_state_dict(checkpoints.subset(training.state(), CRITICS))
        return kept.eval()

    return training._replace(model=model)


def facts(run: CriticTraining, values: dict) -> dict[str, str]:
    """What the checkpoint's card says, by title."""
    return {
        "Model": f"both critics of TD3+BC, {values['parameters']:,} parameters; its actor is not kept",
        "Data": f"{run.data}, less {run.held_out_episodes} held-out episodes",
        "Recipe": loop.settings(run),
        "Mean value of the actor's actions": f"{values['mean_value']:.1f}, held-out episodes",
    }
