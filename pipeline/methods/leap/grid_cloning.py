"""Behavior cloning in a grid: LEAP's encoder and the next action, with no plan.

It sees what LEAP sees before a plan, so the two differ in what they make of it alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from pipeline.methods.leap.model import ACTIONS, Encoder, LeapConfig


class GridCloningConfig(LeapConfig):
    """LEAP's sizes, of which the encoder's matter."""

    model_type = "grid_cloning"

    def __init__(self, **sizes):  # transformers writes one of its own where a subclass has none
        super().__init__(**sizes)


class GridCloningModel(PreTrainedModel):
    """Logits of the next action for what is seen now."""

    config_class = GridCloningConfig

    def __init__(self, config: GridCloningConfig):
        super().__init__(config)
        width = config.hidden_size
        self.encoder = Encoder(config)
        self.head = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, ACTIONS))
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Leave torch's own initialization."""

    def forward(self, views) -> Tensor:
        """Logits (batch, 6) for views, of which images, poses, goals and missions are read (`pipeline.worlds.levels.Views`)."""
        return self.head(self.encoder.see(views))


AutoConfig.register(GridCloningConfig.model_type, GridCloningConfig, exist_ok=True)
AutoModel.register(GridCloningConfig, GridCloningModel, exist_ok=True)
