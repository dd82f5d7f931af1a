"""Decision Transformer as a policy: ask for a return, act, and subtract what was earned.

Source: Chen et al. 2021 (arXiv 2106.01345), algorithm 1;
kzl/decision-transformer:gym/decision_transformer/evaluation/evaluate_episodes.py
and transformers' published example, which agree: states are normalized, the last `context_length` triples are kept, shorter
histories are padded on the left and masked, the current action is a zero that has not happened yet, the action is read
at the last
**state** token, and the return still asked for falls by reward / 1000 after each step, undiscounted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from transformers import DecisionTransformerModel

from pipeline import PipelineError
from pipeline.evidence import checkpoints, recipes

if TYPE_CHECKING:
    from jaxtyping import Float

    from pipeline.study.measurements import Attention, Evaluation, Latency

TOKEN_TYPES = ("return", "state", "action")


class DecisionTransformerPolicy:
    """Plays many episodes in lockstep: one batched forward per time step.

    The history is held left-padded in arrays of the context's length, which roll by one at each step.
    """

    ACTING_TOKEN = "state"  # the token type whose output is the action

    def __init__(self, model: DecisionTransformerModel, target_return: float | None):
        config = model.config
        self.model = model.eval()
        self.target_return = target_return
        self.context_length = config.context_length
        self.return_scale = config.return_scale
        self.mean = np.asarray(config.observation_mean, dtype=np.float32)
        self.std = np.asarray(config.observation_std, dtype=np.float32)

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed; the policy itself draws nothing."""
        count, length, config = len(seeds), self.context_length, self.model.config
        self.states = np.zeros((count, length, config.state_dim), dtype=np.float32)
        self.actions = np.zeros((count, length, config.act_dim), dtype=np.float32)
        self.returns = np.zeros((count, length), dtype=np.float32)
        self.remaining = np.full(count, self.target_return / self.return_scale)
        self.step = 0

    def act(
        self, observations: Float[np.ndarray, "episode observation"], rewards: Float[np.ndarray, " episode"]
    ) -> Float[np.ndarray, "episode action"]:
        """Actions (episode, action) for observations (episode, observation) and the last rewards (episode,)."""
        if self.step == self.model.config.max_ep_len:
            raise PipelineError(f"the model knows episodes of {self.step} steps, and a longer one was asked for")
        if self.step:
            self.remaining = self.remaining - rewards / self.return_scale
        push(self.states, (observations - self.mean) / self.std)
        push(self.returns, self.remaining)
        push(self.actions, 0.0)
        action = self.forward().action_preds[:, -1].numpy()
        self.actions[:, -1] = action
        self.step += 1
        return action.clip(-1.0, 1.0)

    @torch.inference_mode()
    def forward(self):
        """The model's outputs for the history as it stands."""
        timesteps = np.arange(self.step - self.context_length + 1, self.step + 1)
        mask = torch.from_numpy((timesteps >= 0).astype(np.float32)).expand(len(self.states), -1)
        return self.model(
            states=torch.from_numpy(self.states),
            actions=torch.from_numpy(self.actions),
            returns_to_go=torch.from_numpy(self.returns[..., None]),
            timesteps=torch.from_numpy(timesteps.clip(0)).expand(len(self.states), -1),
            attention_mask=mask,
        )

    def inputs(self, contexts: dict[str, Tensor]) -> dict[str, Tensor]:
        """The model's inputs for recorded contexts (see `measures.collect.draw_contexts`), the last action still a zero."""
        actions = contexts["actions"].clone()
        actions[:, -1] = 0.0
        return {
            "states": (contexts["observations"] - torch.from_numpy(self.mean)) / torch.from_numpy(self.std),
            "actions": actions,
            "returns_to_go": (contexts["returns_to_go"] / self.return_scale).unsqueeze(-1),
            "timesteps": contexts["timesteps"],
            "attention_mask": torch.ones(contexts["timesteps"].shape),
        }

    @torch.inference_mode()
    def attention(self, contexts: dict[str, Tensor]) -> tuple[Float[np.ndarray, "context layer head query key"], list[str]]:
        """Attention weights (context, layer, head, query, key) on recorded contexts, and each token's type.

        The model must be loaded with `attn_implementation="eager"`, the only one that returns its weights.
        """
        attentions = self.model(**self.inputs(contexts), output_attentions=True).attentions
        return torch.stack(attentions, dim=1).numpy(), list(TOKEN_TYPES) * self.context_length

    @torch.inference_mode()
    def respond(self, contexts: dict[str, Tensor]) -> Float[np.ndarray, "context action"]:
        """The action (context, action) the model takes at the end of each recorded context."""
        return self.model(**self.inputs(contexts)).action_preds[:, -1].numpy()


def push(history: Float[np.ndarray, "episode time *feature"], newest: Float[np.ndarray, " episode *feature"] | float) -> None:
    """Roll a history (episode, time, ...) by one step, in place, and put the newest values at its end."""
    history[:, :-1] = history[:, 1:]
    history[:, -1] = newest


def load(run: Evaluation | Latency | Attention) -> DecisionTransformerPolicy:
    """The policy of an evaluation, a latency or an attention run; `trained=False` keeps the architecture and draws the
    weights anew.

    Raises:
        CheckpointError: the checkpoint cannot be used.
    """
    model = checkpoints.load(
        run.checkpoint, DecisionTransformerModel, recipes.trained_by(run.checkpoint), attn_implementation="eager"
    )
    policy = DecisionTransformerPolicy(model, getattr(run, "target_return", None))
    return policy if getattr(run, "trained", True) else untrained(policy)


def untrained(policy: DecisionTransformerPolicy, seed: int = 0) -> DecisionTransformerPolicy:
    """The same policy with fresh weights: the control for all that training might have taught."""
    torch.manual_seed(seed)
    return DecisionTransformerPolicy(DecisionTransformerModel(policy.model.config), policy.target_return)
