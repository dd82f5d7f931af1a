"""Trajectory Transformer: a GPT over discretised transitions, and its decoder, which caches what the beams of a search read.

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
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput

from pipeline.discretization import QuantileDiscretizer, columns
from pipeline.episodes import Episodes


class TrajectoryTransformerConfig(PretrainedConfig):
    """Sizes and loss weights; the defaults are the published HalfCheetah models'.

    vocab_size: bins of each dimension, the stop token not counted. block_size: the most positions, ten transitions less
    the last value. Fields of published files that nothing reads (`learning_rate`, `layer_norm_eps`, ...) are kept as they
    come.
    """

    model_type = "trajectory_transformer"
    attribute_map = {"hidden_size": "n_embd", "num_attention_heads": "n_head", "num_hidden_layers": "n_layer"}

    def __init__(
        self,
        vocab_size: int = 100,
        action_weight: float = 5,
        reward_weight: float = 1,
        value_weight: float = 1,
        block_size: int = 249,
        action_dim: int = 6,
        observation_dim: int = 17,
        transition_dim: int = 25,
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
    """Attention, then a perceptron, each on what is normalised first and added to what came in."""

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


def build(run, episodes: Episodes) -> TrajectoryTransformerModel:
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
    relate_neighbours(model)
    return model


HARMONICS = 12


@torch.no_grad()
def relate_neighbours(model: TrajectoryTransformerModel) -> None:
    """Draw embeddings and heads anew so that neighbouring bins begin alike, as the numbers they stand for are.

    Each column is a random sum of cosines over the bins, so that a model does not have to find out from data which of a
    hundred tokens are close. The published code begins with independent numbers, and sees 100 times the tokens.
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
    """Windows of whole transitions, drawn uniformly from those that lie within an episode.

    The published code also draws windows that run over an episode's end and masks what is missing
    (trajectory/datasets/sequence.py); here the last transitions of an episode are seen a little less often.
    """

    def __init__(self, episodes: Episodes, run, discretizer: QuantileDiscretizer):
        self.run = run
        self.tokens = discretizer.encode(columns(episodes)).astype(np.uint8)

    def draw(self, generator: np.random.Generator, size: int) -> dict[str, Tensor]:
        """`size` windows: trajectories (batch, time) and targets, the tokens one later."""
        count, steps, _ = self.tokens.shape
        episode = generator.integers(count, size=(size, 1))
        step = generator.integers(steps - self.run.transitions + 1, size=(size, 1)) + np.arange(self.run.transitions)
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


def make_optimizers(model: TrajectoryTransformerModel, run) -> list[torch.optim.Optimizer]:
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


class Layer(NamedTuple):
    """One block's weights as decoding reads them: maps (input, output), those of scaled query, key and value side by side."""

    ln1: tuple[Tensor, Tensor]
    query_key_value: tuple[Tensor, Tensor]
    proj: tuple[Tensor, Tensor]
    ln2: tuple[Tensor, Tensor]
    l1: tuple[Tensor, Tensor]
    l2: tuple[Tensor, Tensor]


def rearrange(block: Block) -> Layer:
    """A block's weights for decoding."""
    attention = block.attn
    scale = (attention.query.weight.shape[0] // attention.heads) ** -0.5
    weight = torch.cat([attention.query.weight * scale, attention.key.weight, attention.value.weight])
    bias = torch.cat([attention.query.bias * scale, attention.key.bias, attention.value.bias])

    def stored(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        return weight.detach().t().contiguous(), bias.detach()

    return Layer(
        (block.ln1.weight.detach(), block.ln1.bias.detach()),
        stored(weight, bias),
        stored(attention.proj.weight, attention.proj.bias),
        (block.ln2.weight.detach(), block.ln2.bias.detach()),
        stored(block.l1.weight, block.l1.bias),
        stored(block.l2.weight, block.l2.bias),
    )


@dataclass
class Cache:
    """Keys and values of tokens already read, those of values left out, and the position of the token that comes next.

    All beams of an episode share the tokens they began with, which are kept once; what a beam read since is its own. Beams may
    fork into alternatives: these read one token each at a time, in slots that take turns, and none sees another's.

    shared_keys, shared_values: (layer, episode · head, time, size). own_keys, own_values: (layer, episode, head, beam, slot,
    size), of which `filled` slots hold something. fork: the first slot of the alternatives, or None.
    """

    shared_keys: Tensor
    shared_values: Tensor
    own_keys: Tensor
    own_values: Tensor
    position: int
    filled: int = 0
    fork: int | None = None


def attend(
    query: Tensor, shared_keys: Tensor, shared_values: Tensor, own_keys: Tensor, own_values: Tensor, mask: Tensor | None
) -> Tensor:
    """One softmax over shared and own keys, computed without copying what is shared.

    Args:
        query: (group, beam · row, size), scaled; a group is one head of one episode.
        shared_keys, shared_values: (group, time, size).
        own_keys, own_values: (group · beam, slot, size).
        mask: (row, last slots) added to the scores of the last slots; None leaves all open.

    Returns:
        Mixed values (group · beam, row, size).
    """
    groups, rows, size = query.shape
    time, (beams, slots, _) = shared_keys.shape[1], own_values.shape
    own_scores = torch.bmm(query.view(beams, -1, size), own_keys.transpose(1, 2))
    if mask is not None:
        own_scores[:, :, slots - mask.shape[1] :].add_(mask)
    if not time:
        return torch.bmm(own_scores.softmax(dim=-1), own_values)
    scores = torch.cat([torch.bmm(query, shared_keys.transpose(1, 2)), own_scores.view(groups, rows, slots)], dim=-1)
    weights = torch.softmax(scores, dim=-1)
    mixed = torch.bmm(weights[:, :, :time], shared_values).view(beams, -1, size)
    return mixed.baddbmm_(weights[:, :, time:].view(beams, -1, slots), own_values) if slots else mixed


class Decoder:
    """A model that reads on from where it stopped, many episodes and beams at once; logits are those of the full forward.

    It takes the weights as they are when it is made, and computes in their precision. Use it under `torch.inference_mode()`.
    """

    def __init__(self, model: TrajectoryTransformerModel):
        self.config = config = model.config
        width, bins, dimensions = config.n_embd, config.vocab_size, config.transition_dim
        table = model.tok_emb.weight.detach()
        stop = table[-1:].expand(dimensions, 1, -1)
        self.embeddings = torch.cat([table[:-1].view(dimensions, bins, width), stop], dim=1).view(-1, width)
        self.first_rows = torch.arange(config.block_size) % dimensions * (bins + 1)
        self.positions = model.pos_emb.detach()[0]
        self.layers = [rearrange(block) for block in model.blocks]
        self.ln_f = (model.ln_f.weight.detach(), model.ln_f.bias.detach())
        self.heads = model.head.weight.detach().transpose(1, 2).contiguous()

    def begin(self, tokens: Tensor, beams: int, room: int) -> tuple[Tensor | None, Cache]:
        """Read tokens (episode, time) that all beams of an episode share.

        Args:
            tokens: the window's beginning; it may be empty.
            beams: how many beams go on from here.
            room: the most slots a beam will fill: a token takes one, a value none, and a token of a fork one for each
                alternative until the beams to keep are chosen.

        Returns:
            Logits (episode, vocab_size + 1) of the next token, None where there were no tokens; and the cache.
        """
        episodes, time = tokens.shape
        nothing = self.positions.new_empty(len(self.layers), episodes * self.config.n_head, 0, 1)
        first = Cache(nothing, nothing, *self.empty(episodes, 1, time), position=0)
        logits = self.extend(first, tokens[:, None])[:, 0] if time else None
        keys, values = (own[..., : first.filled, :].flatten(1, 3) for own in (first.own_keys, first.own_values))
        return logits, Cache(keys, values, *self.empty(episodes, beams, room), position=time)

    def empty(self, episodes: int, beams: int, slots: int) -> tuple[Tensor, Tensor]:
        """Room for own keys and values."""
        config = self.config
        shape = len(self.layers), episodes, config.n_head, beams, slots, config.n_embd // config.n_head
        return self.positions.new_empty(shape), self.positions.new_empty(shape)

    def extend(self, cache: Cache, tokens: Tensor) -> Tensor:
        """Let each beam read tokens (episode, beam, time); returns logits (episode, beam, vocab_size + 1) after the last."""
        time, dimensions = tokens.shape[-1], self.config.transition_dim
        position = torch.arange(cache.position, cache.position + time)
        kept = (position % dimensions != dimensions - 1).nonzero().squeeze(1)
        mask = None
        if time > 1:
            later = position[kept] > position[:, None]
            mask = self.positions.new_zeros(later.shape).masked_fill_(later, -torch.inf)
        x = self.read(cache, self.embed(tokens, cache.position, cache.position + time), mask, kept)
        cache.position += time
        return self.logits(x[:, :, -1], cache.position - 1)

    def branch(self, cache: Cache, tokens: Tensor) -> Tensor:
        """Let each alternative read one token, (episode, beam, alternative), no value; returns logits (..., vocab_size + 1)."""
        alternatives = torch.arange(tokens.shape[-1])
        cache.fork = cache.filled if cache.fork is None else cache.fork
        slots = torch.arange(cache.filled + len(alternatives) - cache.fork)
        strangers = slots % len(alternatives) != alternatives[:, None]
        mask = self.positions.new_zeros(strangers.shape).masked_fill_(strangers, -torch.inf)
        x = self.read(cache, self.embed(tokens, cache.position, cache.position + 1), mask, alternatives)
        cache.position += 1
        return self.logits(x, cache.position - 1)

    def keep(self, cache: Cache, parents: Tensor, alternatives: Tensor, count: int) -> None:
        """Go on with alternatives (episode, beam) of beams `parents` (episode, beam), of `count` each, in that order."""
        layers, episodes, heads, beams = cache.own_values.shape[:4]
        room, fork, tokens = cache.own_keys.shape[4], cache.fork, (cache.filled - cache.fork) // count
        trees = torch.arange(layers * episodes * heads).view(layers, episodes, heads, 1, 1) * (beams * room)
        slots = torch.arange(fork + tokens)
        slots = torch.where(slots < fork, slots, fork + (slots - fork) * count + alternatives[..., None])
        rows = (trees + (parents[..., None] * room + slots)[:, None]).flatten()
        shape = layers, episodes, heads, parents.shape[1], fork + tokens, -1
        for own in (cache.own_keys, cache.own_values):
            own[:, :, :, : parents.shape[1], : fork + tokens] = own.flatten(0, 4).index_select(0, rows).view(shape)
        cache.filled, cache.fork = fork + tokens, None

    def embed(self, tokens: Tensor, position: int, last: int) -> Tensor:
        """Embeddings (..., time, width) of tokens (..., time) at positions from `position` to before `last`."""
        if last > self.config.block_size:
            raise ValueError(f"position {last - 1} lies beyond the {self.config.block_size} that the model has")
        rows = tokens + self.first_rows[position:last]
        return functional.embedding(rows, self.embeddings).add_(self.positions[position:last])

    def logits(self, x: Tensor, position: int) -> Tensor:
        """Logits (..., vocab_size + 1) after the tokens at a position, from the last layer's output (..., width)."""
        return functional.layer_norm(x, x.shape[-1:], *self.ln_f) @ self.heads[position % self.config.transition_dim]

    def read(self, cache: Cache, x: Tensor, mask: Tensor | None, kept: Tensor) -> Tensor:
        """All layers for embeddings (episode, beam, row, width); fills the next slots with the rows `kept`."""
        episodes, beams, rows, width = x.shape
        heads, first, last = self.config.n_head, cache.filled, cache.filled + len(kept)
        cache.filled = last
        x = x.reshape(-1, width)
        shared = zip(cache.shared_keys, cache.shared_values, strict=True)
        own = zip(cache.own_keys[..., :last, :].flatten(1, 3), cache.own_values[..., :last, :].flatten(1, 3), strict=True)
        new = zip(cache.own_keys[..., first:last, :], cache.own_values[..., first:last, :], strict=True)
        for layer, past, present, (new_keys, new_values) in zip(self.layers, shared, own, new, strict=True):
            weight, bias = layer.query_key_value
            mapped = torch.addmm(bias, functional.layer_norm(x, (width,), *layer.ln1), weight)
            query, keys, values = mapped.view(episodes, beams, rows, 3, heads, -1).permute(3, 0, 4, 1, 2, 5).unbind()
            if len(kept):
                some = slice(None) if len(kept) == rows else kept
                new_keys.copy_(keys[:, :, :, some])
                new_values.copy_(values[:, :, :, some])
            mixed = attend(query.contiguous().view(episodes * heads, beams * rows, -1), *past, *present, mask)
            mixed = mixed.view(episodes, heads, beams, rows, -1).permute(0, 2, 3, 1, 4).reshape(-1, width)
            x = torch.addmm(layer.proj[1], mixed, layer.proj[0]).add_(x)
            hidden = torch.addmm(layer.l1[1], functional.layer_norm(x, (width,), *layer.ln2), layer.l1[0])
            x = torch.addmm(layer.l2[1], functional.gelu(hidden), layer.l2[0]).add_(x)
        return x.view(episodes, beams, rows, width)
