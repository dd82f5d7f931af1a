"""LEAP: a masked transformer that sees a whole plan of actions at once, and tells how likely each is beside the others.

Source: Chen et al. 2023 (arXiv 2303.16189), section 3; hychen-naza/LEAP:mingpt/leap_model_babyai.py for sizes.

A plan of `horizon` actions is read as pairs of tokens, state, action, state, action, ...; every token attends to every other.
The logits of an action are read at the state before it, so an action that is to be predicted has to be masked. Five things
to know:

- A planner knows the first state alone. The authors feed the later ones as the first one's image with the pose set to zero;
  here each of them repeats the first state, told apart by position.
- The state is one vector, which depends on no action: it is computed once a plan (`encode`), however long the plan is refined.
- `with_goal` adds the coordinates of the goal, which the authors take from an oracle, at test time too.
- Training pads a plan after its episode's end, and planning never does: what the plan holds beyond the goal was not learnt.
- `causal` hides the future from every token, and each step has a state of its own: a Decision Transformer without returns.

Other than published, for one model of 0.96 million parameters (theirs have 2.6 to 2.9, one a level) to learn six levels from
few demonstrations: cells are embedded by what they hold and by where they lie from the agent, as is the goal, where the authors
convolve raw numbers and embed absolute coordinates; attention searches the cells that hold something, which is how an agent
without an oracle finds its goal; ReLU stands for GELU; the time in the episode is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput

ACTIONS = 6  # left, right, forward, pickup, drop, toggle
PAD, MASK = ACTIONS, ACTIONS + 1  # after the episode's end; to be predicted
OBJECTS, COLORS, STATES, DIRECTIONS = 11, 6, 3, 4  # minigrid/core/constants.py
UNSEEN, DOOR = 0, 4  # of the objects; those from the door on are things, those before it floor and walls
MASKED_SCORE = -1e4  # a score that no softmax heeds, unless there is no other


class LeapConfig(PretrainedConfig):
    """Sizes. The width, layers, heads and dropout are the published ones.

    Args:
        grid_size: cells along a side of the square image.
        words: size of the vocabulary, the padding 0 included.
        horizon: the most actions a plan may have.
        with_goal: whether the goal's coordinates are seen.
        causal: whether the future is hidden.
        layers: blocks of the transformer.
        heads: of each block.
        hidden_size: the width; a multiple of `heads`.
        channels: of the convolutions.
        dropout: share of activations dropped while training.
        training: the fields of the run that trained it.
        kwargs: whatever else a configuration of transformers takes.
    """

    model_type = "leap"
    attribute_map = {"num_attention_heads": "heads", "num_hidden_layers": "layers"}

    def __init__(
        self,
        grid_size: int = 19,
        words: int = 40,
        horizon: int = 10,
        with_goal: bool = True,
        causal: bool = False,
        layers: int = 3,
        heads: int = 4,
        hidden_size: int = 128,
        channels: int = 64,
        dropout: float = 0.1,
        training: dict | None = None,
        **kwargs,
    ):
        if hidden_size % heads:
            raise ValueError(f"hidden_size {hidden_size} is no multiple of heads {heads}")
        self.grid_size = grid_size
        self.words = words
        self.horizon = horizon
        self.with_goal = with_goal
        self.causal = causal
        self.layers = layers
        self.heads = heads
        self.hidden_size = hidden_size
        self.channels = channels
        self.dropout = dropout
        self.training = training
        super().__init__(**kwargs)


@dataclass
class LeapOutput(ModelOutput):
    """What a forward returns: logits (batch, horizon, 6), or (batch, 6) where one step was asked for; each layer's attention
    weights (batch, head, query, key) where they were asked for.
    """

    logits: Tensor | None = None
    attentions: tuple[Tensor, ...] | None = None


def ahead_and_aside(places: Tensor, poses: Tensor) -> Tensor:
    """Places (batch, ..., 2), x and y, as an agent sees them: steps ahead and steps to its right, (batch, ..., 2).

    poses: (batch, 3) x, y and direction, 0 right, 1 down, 2 left, 3 up.
    """
    inner = (-1, *[1] * (places.dim() - 2))
    away = places - poses[:, :2].view(*inner, 2)
    facing = torch.tensor([[1, 0], [0, 1], [-1, 0], [0, -1]], device=poses.device)[poses[:, 2]]
    x, y = facing[:, 0].view(inner), facing[:, 1].view(inner)
    return torch.stack([away[..., 0] * x + away[..., 1] * y, away[..., 1] * x - away[..., 0] * y], dim=-1)


class FiLM(nn.Module):
    """Feature-wise linear modulation (arXiv 1709.07871): channels scaled and shifted as a condition says."""

    def __init__(self, condition: int, channels: int):
        super().__init__()
        self.layer = nn.Linear(condition, 2 * channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Features (batch, x, y, channel) modulated by a condition (batch, condition); as they are where it says zero."""
        scale, shift = self.layer(condition)[:, None, None].chunk(2, dim=-1)
        return x + x * scale + shift


class Instruction(nn.Module):
    """A mission read by a gated recurrent unit, up to its last word."""

    def __init__(self, words: int, width: int):
        super().__init__()
        self.embedding = nn.Embedding(words, width // 2, padding_idx=0)
        self.gru = nn.GRU(width // 2, width, batch_first=True)

    def forward(self, missions: Tensor) -> Tensor:
        """One vector (batch, width) for word ids (batch, word), 0 after the last."""
        states, _ = self.gru(self.embedding(missions))
        last = missions.ne(0).sum(1).sub(1).clamp(min=0)
        return states[torch.arange(len(missions), device=missions.device), last]


class Coordinates(nn.Module):
    """Where the agent stands and looks and, if that is to be known, where the goal lies from there."""

    def __init__(self, grid_size: int, with_goal: bool, width: int):
        super().__init__()
        self.reach, self.with_goal = grid_size - 1, with_goal
        numbers = [grid_size, grid_size, DIRECTIONS] + [2 * grid_size - 1] * 2 * with_goal
        self.embeddings = nn.ModuleList(nn.Embedding(number, width // 2) for number in numbers)
        self.layers = nn.Sequential(nn.Linear(len(numbers) * width // 2, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, poses: Tensor, goals: Tensor) -> Tensor:
        """One vector (batch, width) for poses (batch, 3) and goals (batch, 2); without `with_goal` these are not looked at."""
        columns = torch.cat([poses, ahead_and_aside(goals, poses) + self.reach], dim=1) if self.with_goal else poses
        embedded = [embedding(column) for embedding, column in zip(self.embeddings, columns.unbind(1), strict=True)]
        return self.layers(torch.cat(embedded, dim=1))


class Convolution(nn.Module):
    """A 3 × 3 convolution, normalized over each cell's channels, so that neither batch nor padding matters."""

    def __init__(self, channels: int, stride: int = 1):
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, x, y, channel), x and y divided by the stride, rounded up."""
        return self.norm(self.convolution(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))


class Search(nn.Module):
    """Attention, as the instruction asks, over the cells that hold something to see, use or step through."""

    def __init__(self, channels: int, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(width, heads * channels), nn.Linear(channels, channels)

    def forward(self, cells: Tensor, things: Tensor, instruction: Tensor) -> Tensor:
        """What is found, (batch, head · channel), among cells (batch, cell, channel), of which `things` (batch, cell) count."""
        query = self.query(instruction).view(len(cells), self.heads, -1)
        scores = query @ self.key(cells).transpose(1, 2) * cells.shape[-1] ** -0.5
        return (scores.masked_fill(~things[:, None], MASKED_SCORE).softmax(dim=-1) @ cells).flatten(1)


class Encoder(nn.Module):
    """What an agent sees as one vector.

    The kind and color of each cell and its place from where the agent stands and looks are embedded. The grid is read by
    convolutions, as the instruction and then as the coordinates ask, and its things are searched as the instruction asks.
    What lies outside the grid counts nowhere, so rows and columns that no grid of the batch reaches are left out.
    """

    def __init__(self, config: LeapConfig):
        super().__init__()
        channels, width, size = config.channels, config.hidden_size, config.grid_size
        self.tables = nn.ModuleList(nn.Embedding(number, channels) for number in (OBJECTS, COLORS, STATES))
        self.places = nn.ModuleList(nn.Embedding(2 * size - 1, channels) for _ in range(2))
        self.instruction = Instruction(config.words, width)
        self.coordinates = Coordinates(size, config.with_goal, width)
        self.by_instruction, self.by_coordinates = FiLM(width, channels), FiLM(width, channels)
        self.halve, self.mix = Convolution(channels, stride=2), Convolution(channels)
        self.search = Search(channels, width, config.heads)
        self.out = nn.Sequential(nn.Linear((2 + config.heads) * channels, width), nn.ReLU(), nn.Linear(width, width))
        self.norm = nn.LayerNorm(width)

    def see(self, views) -> Tensor:
        """One vector (batch, width) for each of the views: arrays or tensors `images`, `poses`, `goals` and `missions`."""
        fields = (views.images, views.poses, views.goals, views.missions)
        return self(*(torch.as_tensor(field, device=self.norm.weight.device) for field in fields))

    def forward(self, images: Tensor, poses: Tensor, goals: Tensor, missions: Tensor) -> Tensor:
        """One vector (batch, width) for images (batch, x, y, 3) of object, color and state, and what else is seen."""
        images = cropped(images).long()
        inside, things = images[..., 0] != UNSEEN, images[..., 0] >= DOOR
        instruction, coordinates = self.instruction(missions), self.coordinates(poses, goals)
        cells = self.embed(images, poses)
        found = self.search(cells.flatten(1, 2), things.flatten(1), instruction)
        x = self.by_instruction(cells, instruction).relu() * inside[..., None]
        inside = inside[:, ::2, ::2, None]
        x = self.halve(x).relu() * inside
        x = (x + self.by_coordinates(self.mix(x), coordinates).relu()) * inside
        mean = x.sum(dim=(1, 2)) / inside.sum(dim=(1, 2))
        return self.norm(self.out(torch.cat([mean, x.amax(dim=(1, 2)), found], dim=1)) + coordinates + instruction)

    def embed(self, images: Tensor, poses: Tensor) -> Tensor:
        """Cells (batch, x, y, channel): what they hold, and where they lie from where the agent stands and looks.

        Each of the two is one look-up in a table of sums, which is faster than a sum of look-ups.
        """
        objects, colors, states = (table.weight for table in self.tables)
        kinds = (objects[:, None, None] + colors[:, None] + states).flatten(0, 2)
        kind = (images[..., 0] * COLORS + images[..., 1]) * STATES + images[..., 2]
        ahead, aside = (table.weight for table in self.places)
        grid = torch.stack(torch.meshgrid(*map(torch.arange, images.shape[1:3]), indexing="ij"), dim=-1).to(poses.device)
        place = ahead_and_aside(grid.expand(len(poses), -1, -1, -1), poses) + len(ahead) // 2
        places = (ahead[:, None] + aside).flatten(0, 1)
        return functional.embedding(kind, kinds) + functional.embedding(place[..., 0] * len(aside) + place[..., 1], places)


def cropped(images: Tensor) -> Tensor:
    """Images (batch, x, y, 3) without the last rows and columns that are outside every grid."""
    inside = images[..., 0] != UNSEEN
    columns, rows = (int(inside.any(dim=dims).nonzero().max()) + 1 for dims in ((0, 2), (0, 1)))
    return images[:, :columns, :rows]


class Block(nn.Module):
    """Attention, then a perceptron of four times the width; each normalized before and added.

    Attention is written out: at these sizes that is faster than torch's fused kernels, forward and backward. Scores lie key by
    key, because a softmax along rows shorter than a processor's vectors is slow.
    """

    def __init__(self, config: LeapConfig):
        super().__init__()
        width = config.hidden_size
        self.heads = config.heads
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.l1, self.l2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor | None, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Tokens (batch, time, width) after this block, and attention weights (batch, head, query, key).

        mask: (query, key), or (batch, 1, 1, key) where there are `rows`: -inf where a query may not look, else 0.
        rows: (batch,) the one token of each sequence that is wanted.
        """
        batch, time, width = x.shape
        normed = self.ln1(x)
        key, value = self.key_value(normed).view(batch, time, 2, self.heads, -1).permute(2, 0, 3, 1, 4).unbind()
        if rows is not None:
            each = torch.arange(batch, device=x.device)
            x, normed = x[each, rows][:, None], normed[each, rows][:, None]
        query = self.query(normed).view(batch, -1, self.heads, width // self.heads).transpose(1, 2)
        scores = key @ query.transpose(2, 3) * (width // self.heads) ** -0.5
        weights = (scores if mask is None else scores + mask.mT).softmax(dim=-2).mT
        mixed = (self.drop(weights) @ value).transpose(1, 2).reshape(batch, -1, width)
        x = x + self.drop(self.proj(mixed))
        return x + self.drop(self.l2(self.l1(self.ln2(x)).relu())), weights


class LeapModel(PreTrainedModel):
    """Action logits for plans in which some actions are masked, given what was seen before the first of them."""

    config_class = LeapConfig

    def __init__(self, config: LeapConfig):
        super().__init__(config)
        width = config.hidden_size
        self.encoder = Encoder(config)
        self.action = nn.Embedding(ACTIONS + 2, width)
        self.position = nn.Parameter(torch.zeros(2 * config.horizon, width))
        self.drop = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.ln_f = nn.LayerNorm(width)
        self.head = nn.Linear(width, ACTIONS)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Small normal weights in the transformer and its embeddings, as published; torch's own in the encoder."""
        if module is self:
            for part in (self.action, self.head, *self.blocks.modules()):
                if isinstance(part, nn.Linear | nn.Embedding):
                    init.normal_(part.weight, std=0.02)
            init.normal_(self.position, std=0.02)

    def encode(self, views) -> Tensor:
        """One vector (batch, width) for each of the views, of which images, poses, goals and missions are read
        (`pipeline.worlds.levels.Views`).
        """
        return self.encoder.see(views)

    def forward(
        self, context: Tensor, actions: Tensor, steps: Tensor | None = None, output_attentions: bool | None = False, **kwargs
    ) -> LeapOutput:
        """Logits of each action given the others.

        Args:
            context: (batch, width) from `encode`; or (batch, horizon, width), a state for each step.
            actions: (batch, horizon) 0 to 5, PAD or MASK.
            steps: (batch,) the one step of each plan whose logits are wanted, by default all.
            output_attentions: return each layer's weights.
            kwargs: what transformers may add; nothing reads it.

        Raises:
            ValueError: more actions than the model has positions for.
        """
        horizon = actions.shape[1]
        if horizon > self.config.horizon:
            raise ValueError(f"a plan of {horizon} actions, and the model was made for at most {self.config.horizon}")
        states = context[:, None].expand(-1, horizon, -1) if context.dim() == 2 else context
        tokens = torch.stack([states, self.action(actions)], dim=2).flatten(1, 2)
        x = self.drop(tokens + self.position[: 2 * horizon])
        attentions = []
        for block in self.blocks:
            rows = 2 * steps if steps is not None and block is self.blocks[-1] else None
            x, weights = block(x, self.hidden(x, rows), rows)
            attentions.append(weights)
        logits = self.head(self.ln_f(x[:, 0] if steps is not None else x[:, ::2]))
        return LeapOutput(logits, tuple(attentions) if output_attentions else None)

    def hidden(self, x: Tensor, rows: Tensor | None) -> Tensor | None:
        """What is added to attention scores: nothing, or -inf for the future where the model is causal."""
        if not self.config.causal:
            return None
        future = torch.full((x.shape[1], x.shape[1]), -torch.inf, dtype=x.dtype, device=x.device).triu(1)
        return future if rows is None else future[rows][:, None, None]


def conditional_logits(model: LeapModel, context: Tensor, actions: Tensor) -> Tensor:
    """Logits (batch, horizon, 6) of each action, it alone masked; of a causal model, given those before it.

    All masked copies of a plan go through the model as one batch; its context was computed once.
    """
    batch, horizon = actions.shape
    if model.config.causal:
        return model(context, actions).logits
    steps = torch.arange(horizon, device=actions.device).repeat(batch)
    masked = actions.repeat_interleave(horizon, dim=0).scatter(1, steps[:, None], MASK)
    return model(context.repeat_interleave(horizon, dim=0), masked, steps).logits.view(batch, horizon, ACTIONS)


def energy(model: LeapModel, context: Tensor, actions: Tensor) -> Tensor:
    """Energy (batch,) of plans (batch, horizon): the negative pseudo-log-likelihood, in nats.

    It sums -log p(action | the others) over the plan's actions, PAD left out; of a causal model it is the negative
    log-likelihood. Section 3.2 of the paper. context: (batch, width) from `LeapModel.encode`.
    """
    logits = conditional_logits(model, context, actions).float()
    return functional.cross_entropy(logits.transpose(1, 2), actions, ignore_index=PAD, reduction="none").sum(dim=1)


AutoConfig.register(LeapConfig.model_type, LeapConfig, exist_ok=True)
AutoModel.register(LeapConfig, LeapModel, exist_ok=True)
