"""Trajectory Transformer: a GPT over discretized transitions; decoding.py reads on from where it stopped.

Source: Janner et al. 2021 (arXiv 2106.02039), section 3;
jannerm/trajectory-transformer:trajectory/models/transformers.py. Names of settings and weights are those of the published
checkpoints (CarlCochet/trajectory-transformer-*), which transformers read up to 4.57.

A transition is one token for each of its dimensions: observation, action, reward, value. Tokens count from 0 in every
dimension, and the one after the last bin is the stop token, which all dimensions share. Three things surprise:

- The value of a transition is never attended to, not even by its own position: it was made from the future.
- Each dimension has a head of its own, and the one used at a position is that of the **input** token there, so head i
  predicts dimension i + 1, and the value's head the next observation's first dimension.
- A window may begin at any transition, and positions count from its beginning, so a window that moves voids every cached
  key.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput

from pipeline.data import windows
from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer, columns
from pipeline.worlds.world import HALFCHEETAH

if TYPE_CHECKING:
    from pipeline.data.episodes import Episodes
    from pipeline.methods.trajectory_transformer.settings import TrajectoryTransformerTraining


WIDTH = HALFCHEETAH.observation_dim + HALFCHEETAH.action_dim + 2  # of a transition of the published models


class TrajectoryTransformerConfig(PretrainedConfig):
    """Sizes and loss weights; the defaults are the published HalfCheetah models'.

    Args:
        vocab_size: bins of each dimension, the stop token not counted.
        action_weight: of an action's tokens in the loss, an observation's counting once.
        reward_weight: of a reward's.
        value_weight: of a value's.
        block_size: the most positions, ten transitions less the last value.
        action_dim: tokens of an action.
        observation_dim: tokens of an observation.
        transition_dim: tokens of a transition: observation, action, reward, value.
        n_layer: blocks.
        n_head: heads of each block.
        n_embd: the width; a multiple of `n_head`.
        embd_pdrop: share of embeddings dropped while training.
        attn_pdrop: likewise of attention weights.
        resid_pdrop: likewise of what a block adds.
        initializer_range: standard deviation of first weights.
        training: the fields of the run that trained it.
        tokens_seen: by the end of its training.
        kwargs: fields of published files that nothing reads (`learning_rate`, `layer_norm_eps`, ...), kept as they come.
    """

    model_type = "trajectory_transformer"
    attribute_map = {"hidden_size": "n_embd", "num_attention_heads": "n_head", "num_hidden_layers": "n_layer"}

    def __init__(
        self,
        vocab_size: int = 100,
        action_weight: float = 5,
        reward_weight: float = 1,
        value_weight: float = 1,
        block_size: int = 10 * WIDTH - 1,
        action_dim: int = HALFCHEETAH.action_dim,
        observation_dim: int = HALFCHEETAH.observation_dim,
        transition_dim: int = WIDTH,
        n_layer: int = 4,
        n_head: int = 4,
        n_embd: int = 128,
        embd_pdrop: float = 0.1,
        attn_pdrop: float = 0.1,
        resid_pdrop: float = 0.1,
        initializer_range: float = 0.02,
        training: dict | None = None,
        tokens_seen: int = 0,
        **kwargs,
    ):
        if transition_dim != observation_dim + action_dim + 2:
            parts = observation_dim + action_dim + 2
            raise ValueError(f"transition_dim is {transition_dim}; observation, action, reward and value make {parts}")
        if n_embd % n_head:
            raise ValueError(f"n_embd {n_embd} is no multiple of n_head {n_head}")
        self.vocab_size = vocab_size
        self.action_weight = action_weight
        self.reward_weight = reward_weight
        self.value_weight = value_weight
        self.block_size = block_size
        self.action_dim = action_dim
        self.observation_dim = observation_dim
        self.transition_dim = transition_dim
        self.n_layer = n_layer
        self.n_head = n_head
        self.n_embd = n_embd
        self.embd_pdrop = embd_pdrop
        self.attn_pdrop = attn_pdrop
        self.resid_pdrop = resid_pdrop
        self.initializer_range = initializer_range
        self.training = training
        self.tokens_seen = tokens_seen
        super().__init__(**kwargs)


@dataclass
class TrajectoryTransformerOutput(ModelOutput):
    """What a forward returns: logits (batch, time, vocab_size + 1); a scalar loss where targets were given; each layer's
    attention weights (batch, head, query, key) where they were asked for.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    attentions: tuple[Tensor, ...] | None = None


def check_tokens(tokens: Tensor, config: TrajectoryTransformerConfig, longest: int | None = None) -> None:
    """Raise ValueError unless tokens (..., time) are integers from 0 to the stop token, and no more than fit.

    `longest` is how many fit, by default as many as the model has positions.
    """
    longest = longest or config.block_size
    if tokens.is_floating_point() or tokens.shape[-1] > longest:
        raise ValueError(f"expected integer tokens (..., at most {longest}), got {tokens.dtype} {tuple(tokens.shape)}")
    if tokens.numel() and not (tokens.min() >= 0 and tokens.max() <= config.vocab_size):
        found = f"{int(tokens.min())} to {int(tokens.max())}"
        raise ValueError(f"tokens must lie between 0 and {config.vocab_size}, the stop token; found {found}")


def attention_bias(length: int, transition_dim: int, device=None) -> Tensor:
    """What is added to a query's (row) score for a key (column), (length, length): -inf for what is later and for values."""
    position = torch.arange(length, device=device)
    seen = (position <= position[:, None]) & (position % transition_dim != transition_dim - 1)
    return torch.zeros(length, length, device=device).masked_fill_(~seen, -torch.inf)


class Attention(nn.Module):
    """Multi-head attention with separate maps for query, key and value."""

    def __init__(self, config: TrajectoryTransformerConfig):
        super().__init__()
        self.heads, self.dropout = config.n_head, config.attn_pdrop
        self.key, self.query, self.value, self.proj = (nn.Linear(config.n_embd, config.n_embd) for _ in range(4))

    def split(self, x: Tensor) -> Tensor:
        """(batch, time, width) to (batch, head, time, size)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x: Tensor, bias: Tensor, output_attentions: bool) -> tuple[Tensor, Tensor | None]:
        """Mixed values (batch, time, width), and the weights (batch, head, query, key) where asked for."""
        query, key, value = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        dropout, bias = self.dropout if self.training else 0.0, bias.to(query.dtype)
        # on a CPU the fused kernel takes three times as long to go back in half precision as these four lines
        written_out = output_attentions or (self.training and query.dtype == torch.bfloat16 and not query.is_cuda)
        if not written_out:
            mixed = functional.scaled_dot_product_attention(query, key, value, bias, dropout)
            return self.proj(mixed.transpose(1, 2).flatten(2)), None
        weights = (query / math.sqrt(query.shape[-1]) @ key.transpose(-1, -2) + bias).softmax(dim=-1)
        mixed = functional.dropout(weights, dropout) @ value
        return self.proj(mixed.transpose(1, 2).flatten(2)), weights if output_attentions else None


class Block(nn.Module):
    """Attention, then a perceptron, each on what is normalized first and added to what came in."""

    def __init__(self, config: TrajectoryTransformerConfig):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(config.n_embd), nn.LayerNorm(config.n_embd)
        self.attn = Attention(config)
        self.l1, self.l2 = nn.Linear(config.n_embd, 4 * config.n_embd), nn.Linear(4 * config.n_embd, config.n_embd)
        self.drop = nn.Dropout(config.resid_pdrop)

    def forward(self, x: Tensor, bias: Tensor, output_attentions: bool) -> tuple[Tensor, Tensor | None]:
        """The next layer's input (batch, time, width), and this one's attention weights or None."""
        mixed, weights = self.attn(self.ln1(x), bias, output_attentions)
        x = x + self.drop(mixed)
        return x + self.drop(self.l2(functional.gelu(self.l1(self.ln2(x))))), weights


class Heads(nn.Module):
    """One linear map without bias for each dimension of a transition."""

    def __init__(self, dimensions: int, width: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dimensions, outputs, width))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, width) to (batch, time, outputs), position i by map i modulo the number of dimensions."""
        time, dimensions = x.shape[1], len(self.weight)
        whole = functional.pad(x, (0, 0, 0, -time % dimensions)).unflatten(1, (-1, dimensions))
        return torch.einsum("btdw,dow->btdo", whole, self.weight).flatten(1, 2)[:, :time]


class TrajectoryTransformerModel(PreTrainedModel):
    """Tokens (batch, time) to logits of the token after each."""

    config_class = TrajectoryTransformerConfig
    main_input_name = "trajectories"
    _supports_sdpa = True
    _keys_to_ignore_on_load_unexpected = [r"attn\.mask$"]  # the causal mask, which old versions kept among the weights

    def __init__(self, config: TrajectoryTransformerConfig):
        super().__init__(config)
        self.tok_emb = nn.Embedding(config.vocab_size * config.transition_dim + 1, config.n_embd)
        self.pos_emb = nn.Parameter(torch.zeros(1, config.block_size, config.n_embd))
        self.drop = nn.Dropout(config.embd_pdrop)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd)
        self.head = Heads(config.transition_dim, config.n_embd, config.vocab_size + 1)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Normal maps and embeddings, uniform heads, positions at zero, as published."""
        if isinstance(module, nn.Linear | nn.Embedding):
            init.normal_(module.weight, std=self.config.initializer_range)
            if isinstance(module, nn.Linear):
                init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, Heads):
            bound = 1 / math.sqrt(module.weight.shape[-1])
            init.uniform_(module.weight, -bound, bound)
        elif module is self:
            init.zeros_(self.pos_emb)

    def table_rows(self, trajectories: Tensor) -> Tensor:
        """Rows of the embedding table for tokens (batch, time): each dimension has bins of its own, and all have one stop
        token.
        """
        config = self.config
        dimension = torch.arange(trajectories.shape[1], device=trajectories.device) % config.transition_dim
        stop = config.vocab_size * config.transition_dim
        return (trajectories + dimension * config.vocab_size).masked_fill(trajectories == config.vocab_size, stop)

    def loss_weights(self, time: int) -> Tensor:
        """Weight (time,) of each target, which is the token after each position: an action's counts `action_weight` times."""
        config = self.config
        kinds = (
            (config.observation_dim, 1.0),
            (config.action_dim, config.action_weight),
            (1, config.reward_weight),
            (1, config.value_weight),
        )
        each = torch.cat([torch.full((count,), float(weight)) for count, weight in kinds])
        return each.roll(-1).repeat(-(-time // config.transition_dim))[:time].to(self.device)

    def forward(
        self,
        trajectories: Tensor,
        targets: Tensor | None = None,
        mask: Tensor | None = None,
        output_attentions: bool | None = False,
        **kwargs,
    ) -> TrajectoryTransformerOutput:
        """Logits, and the loss or the attention weights where asked for.

        Args:
            trajectories: (batch, time) tokens; the first is the first dimension of an observation.
            targets: (batch, time) the tokens one later.
            mask: (batch, time) 1 where a target counts, by default everywhere. Masked targets add nothing to the loss but
                stay in the mean's denominator, as published.
            output_attentions: return each layer's weights (batch, head, query, key).
            kwargs: what transformers may add; nothing reads it.

        Raises:
            ValueError: a token is out of range, or there are more than `block_size`.
        """
        check_tokens(trajectories, self.config)
        time = trajectories.shape[1]
        x = self.drop(self.tok_emb(self.table_rows(trajectories)) + self.pos_emb[:, :time])
        bias = attention_bias(time, self.config.transition_dim, x.device)
        attentions = []
        for block in self.blocks:
            x, weights = block(x, bias, bool(output_attentions))
            attentions.append(weights)
        logits = self.head(self.ln_f(x))
        loss = None
        if targets is not None:
            each = functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none") * self.loss_weights(time)
            loss = (each if mask is None else each * mask).mean()
        return TrajectoryTransformerOutput(loss, logits, tuple(attentions) if output_attentions else None)


AutoConfig.register(TrajectoryTransformerConfig.model_type, TrajectoryTransformerConfig, exist_ok=True)
AutoModel.register(TrajectoryTransformerConfig, TrajectoryTransformerModel, exist_ok=True)


KINDS = ("observation", "action", "reward", "value")


def build(run: TrajectoryTransformerTraining, episodes: Episodes) -> TrajectoryTransformerModel:
    """A new model with the run's sizes, for observations and actions like the episodes'."""
    observation_dim, action_dim = episodes.observations.shape[-1], episodes.actions.shape[-1]
    width = observation_dim + action_dim + 2
    config = TrajectoryTransformerConfig(
        vocab_size=run.bins,
        action_weight=run.action_weight,
        block_size=width * run.transitions - 1,
        observation_dim=observation_dim,
        action_dim=action_dim,
        transition_dim=width,
        n_layer=run.layers,
        n_head=run.heads,
        n_embd=run.width,
        embd_pdrop=run.dropout,
        attn_pdrop=run.dropout,
        resid_pdrop=run.dropout,
        training=asdict(run),
    )
    model = TrajectoryTransformerModel(config)
    smooth_over_bins(model)
    return model


HARMONICS = 12


@torch.no_grad()
def smooth_over_bins(model: TrajectoryTransformerModel) -> None:
    """Draw embeddings and heads anew so that neighboring bins begin alike, as the numbers they stand for are.

    Each column is a random sum of cosines over the bins, so that a model does not have to find out from data which of a
    hundred tokens are close. The published code begins with independent numbers, and sees far more tokens.
    """
    config = model.config
    frequency, position = torch.arange(HARMONICS), torch.arange(config.vocab_size)[:, None] / config.vocab_size
    basis = torch.cos(math.pi * frequency * position) / frequency.clamp(min=1).sqrt()
    basis = basis / basis.square().sum(dim=1).mean().sqrt()
    amplitudes = torch.randn(2, config.transition_dim, HARMONICS, config.n_embd)
    embeddings, heads = basis @ amplitudes
    model.tok_emb.weight[:-1] = 0.1 * embeddings.flatten(0, 1)
    model.head.weight[:, :-1] = heads / math.sqrt(3 * config.n_embd)


class Batches:
    """Windows of whole transitions, drawn uniformly.

    Of an episode that led to a terminal state they begin at every transition but the last, and what lies beyond its end is stop
    tokens, which the model learns to expect, as published (trajectory/datasets/sequence.py). Of one that ran out of time they
    lie within it: the published code draws windows that run over its end too, and masks what is missing; here its last
    transitions are seen a little less often.
    """

    def __init__(self, episodes: Episodes, run: TrajectoryTransformerTraining, discretizer: QuantileDiscretizer):
        self.run = run
        tokens = discretizer.encode(columns(episodes)).astype(np.uint8)
        count, steps = episodes.rewards.shape
        self.tokens = np.full((count, steps + run.transitions, tokens.shape[-1]), discretizer.bins, dtype=np.uint8)
        self.tokens[:, :steps][episodes.valid] = tokens
        within = episodes.lengths - run.transitions + 1
        self.windows = np.where(episodes.terminated, episodes.lengths - 1, within).clip(0)

    def draw(self, generator: np.random.Generator, size: int) -> dict[str, Tensor]:
        """`size` windows: trajectories (batch, time) and targets, the tokens one later."""
        episode, first = windows.draw(generator, self.windows, size)
        step = first + np.arange(self.run.transitions)
        window = torch.from_numpy(self.tokens[episode, step].reshape(size, -1).astype(np.int64))
        return {"trajectories": window[:, :-1], "targets": window[:, 1:]}


def loss(model: TrajectoryTransformerModel, batch: dict[str, Tensor]) -> Tensor:
    """The published loss: mean weighted cross-entropy, in nats."""
    return model(**batch).loss


def losses_by_kind(model: TrajectoryTransformerModel, batch: dict[str, Tensor]) -> dict[str, float]:
    """Mean cross-entropy, in nats a token, of each kind of target; by chance it is log(vocab_size)."""
    config, targets = model.config, batch["targets"]
    logits = model(batch["trajectories"]).logits.float()
    each = functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none").mean(dim=0)
    dimension = torch.arange(1, targets.shape[1] + 1) % config.transition_dim
    ends = torch.tensor([config.observation_dim, config.observation_dim + config.action_dim, config.transition_dim - 1])
    kind = (dimension[:, None] >= ends).sum(dim=1)
    return {name: float(each[kind == index].mean()) for index, name in enumerate(KINDS)}


def make_optimizers(model: TrajectoryTransformerModel, run: TrajectoryTransformerTraining) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024; torch.optim.Muon) for the blocks' maps, AdamW for embeddings, heads, biases and norms.

    Weight decay falls on linear maps and heads alone, as published (`configure_optimizers`), where AdamW does it all.
    """
    maps = [parameter for parameter in model.blocks.parameters() if parameter.ndim == 2]
    small = [parameter for parameter in model.parameters() if parameter.ndim != 2 and parameter is not model.head.weight]
    undecayed = {"params": [*small, model.tok_emb.weight], "weight_decay": 0.0}
    return [
        torch.optim.Muon(maps, run.learning_rate, run.weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(
            [{"params": [model.head.weight]}, undecayed], run.learning_rate, tuple(run.betas), weight_decay=run.weight_decay
        ),
    ]
