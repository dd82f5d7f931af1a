"""Decoding with a Trajectory Transformer: reading on from where it stopped, many episodes and beams at once.

What beams share is kept once. The tokens that all beams of an episode began with stand apart. What beams read since lies in
blocks of a transition each, and a table says which blocks a beam reads: beams with a common ancestor read the same blocks, a
fork copies at most the block it breaks off in, and choosing among alternatives moves nothing but the table's rows (Kwon et al.
2023, arXiv 2309.06180, section 4, call this paged attention). Attention is a loop in C, decoding.c, which is compiled when it
is first needed; everything else is torch's.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import mmap
import os
import platform
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pipeline import PipelineError, files
from pipeline.models.trajectory_transformer import Block, TrajectoryTransformerModel

MOST_LANES = 16  # numbers that decoding.c treats as one, at most
C_NAMES = {torch.float32: ("float", "expf"), torch.float64: ("double", "exp")}  # of a precision, and of its exponential


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


def processor() -> str:
    """What the compiled code depends on of this machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return " ".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))


def run_compiler(command: list[str]) -> None:
    """Run a compiler.

    Raises:
        PipelineError: there is no such program, or it fails.
    """
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise PipelineError(f"planning needs a C compiler, and there is no program {command[0]!r}: install gcc") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
        first = next((line for line in said if "error" in line), said[-1])
        raise PipelineError(f"{command[0]} cannot compile {Path(__file__).stem}.c: {first}") from None


@functools.cache
def kernel(dtype: torch.dtype, size: int, slots: int) -> Callable[..., None]:
    """`attend` of decoding.c for a precision, heads of one size and blocks of so many slots.

    It is compiled once for each of these and each processor, into build/kernels.

    Raises:
        PipelineError: there is no C compiler, it fails, or the precision is none it is written for.
    """
    if dtype not in C_NAMES:
        raise PipelineError(f"planning computes in {' or '.join(map(str, C_NAMES))}, and the model's weights are {dtype}")
    real, exponential = C_NAMES[dtype]
    source, compiler = Path(__file__).with_name("decoding.c"), shlex.split(os.environ.get("CC") or "cc")
    settings = [f"-DREAL={real}", f"-DEXP={exponential}", f"-DSIZE={size}", f"-DSLOTS={slots}"]
    # in two steps: one that knew of -ffast-math and linked would also turn off the process's smallest numbers
    to_object = [*compiler, "-pipe", "-O3", "-march=native", "-ffast-math", "-fPIC", "-c", *settings, str(source)]
    known = "\0".join([*to_object, source.read_text(), processor()])
    library = files.ROOT / "build" / "kernels" / f"attend_{hashlib.sha256(known.encode()).hexdigest()[:16]}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory() as folder:
            compiled = f"{folder}/attend.o"
            run_compiler([*to_object, "-o", compiled])
            files.write_whole(library, lambda file: run_compiler([*compiler, "-shared", compiled, "-lm", "-o", str(file)]))
    attend = ctypes.CDLL(str(library)).attend
    attend.argtypes = [ctypes.c_void_p] * 11 + [ctypes.c_int64] * 8
    attend.restype = None
    return attend


def in_large_pages(tensor: Tensor) -> Tensor:
    """The tensor, whose memory, if it is still unused, the kernel shall give in pages of 2 MB: beams jump about in it."""
    if hasattr(mmap, "MADV_HUGEPAGE") and tensor.nbytes > 2**23:
        page = mmap.PAGESIZE
        first = -(-tensor.data_ptr() // page) * page
        last = (tensor.data_ptr() + tensor.nbytes) // page * page
        ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_HUGEPAGE)
    return tensor


@dataclass
class Cache:
    """Keys and values of tokens already read, those of values left out, and the position of the token that comes next.

    All beams of an episode share the tokens they began with, which are kept once; what was read since lies in blocks.

    shared_keys: (layer, episode, head, size, time), padded to a multiple of MOST_LANES. shared_values: (layer, episode, head,
    time, size). keys, values: (layer, episode, block, slot, head, size). table: (episode, beam, column) int64, the blocks each
    beam reads, in order; all columns are full but the last, and `filled` slots are used in all. order: (episode, beam), see
    `reading_order`. alternatives: how many stand for each beam.
    """

    shared_keys: Tensor
    shared_values: Tensor
    keys: Tensor
    values: Tensor
    table: Tensor
    order: Tensor
    position: int
    filled: int = 0
    alternatives: int = 1


def reading_order(table: Tensor) -> Tensor:
    """Beams (episode, beam) int64 so ordered that those which read the same blocks of a table are neighbours."""
    order = torch.arange(table.shape[1]).repeat(len(table), 1)
    for column in reversed(table.unbind(dim=-1)):
        order = order.gather(1, column.gather(1, order).argsort(dim=1, stable=True))
    return order


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
        self.slots, self.size = dimensions - 1, width // config.n_head
        self.kernel = kernel(self.positions.dtype, self.size, self.slots)

    def begin(self, tokens: Tensor, beams: int, room: int) -> tuple[Tensor | None, Cache]:
        """Read tokens (episode, time) that all beams of an episode share.

        Args:
            tokens: the window's beginning; it may be empty.
            beams: how many beams go on from here.
            room: blocks for each episode, no fewer than its beams, or their alternatives, ever read at once.

        Returns:
            Logits (episode, vocab_size + 1) of the next token, None where there were no tokens; and the cache.
        """
        episodes, time = tokens.shape
        nothing = self.positions.new_empty(len(self.layers), episodes, self.config.n_head, 0, self.size)
        first = self.empty(nothing.transpose(3, 4), nothing, episodes, 1, -(-time // self.slots), 0)
        logits = self.extend(first, tokens[:, None])[:, 0] if time else None
        # the only beam's blocks follow each other
        keys, values = (each.flatten(2, 3)[:, :, : first.filled] for each in (first.keys, first.values))
        keys = functional.pad(keys.permute(0, 1, 3, 4, 2), (0, -first.filled % MOST_LANES)).contiguous()
        return logits, self.empty(keys, values.transpose(2, 3).contiguous(), episodes, beams, room, time)

    def empty(self, shared_keys: Tensor, shared_values: Tensor, episodes: int, beams: int, room: int, position: int) -> Cache:
        """A cache without blocks in use, and with room for some."""
        shape = *shared_keys.shape[:2], room, self.slots, self.config.n_head, self.size
        keys, values = (in_large_pages(self.positions.new_empty(shape)) for _ in range(2))
        table = torch.empty(episodes, beams, 0, dtype=torch.int64)
        return Cache(shared_keys, shared_values, keys, values, table, reading_order(table), position)

    def extend(self, cache: Cache, tokens: Tensor) -> Tensor:
        """Let each beam read tokens (episode, beam, time); returns logits (episode, beam, vocab_size + 1) after the last."""
        x = self.read(cache, tokens)
        return self.logits(x[:, :, -1], cache.position - 1)

    def branch(self, cache: Cache, tokens: Tensor) -> Tensor:
        """Let each alternative read one token, (episode, beam, alternative), no value; returns logits (..., vocab_size + 1)."""
        if (cache.position + 1) % self.config.transition_dim == 0:
            raise ValueError(f"alternatives are told apart by tokens that are kept, and position {cache.position} is a value's")
        count = tokens.shape[-1]
        if cache.alternatives not in (1, count):
            raise ValueError(f"each beam has {cache.alternatives} alternatives, got tokens {tuple(tokens.shape)}")
        if cache.alternatives != count:
            self.match(cache, tokens)
            cache.table, cache.alternatives = cache.table.repeat_interleave(count, dim=1), count
            self.part(cache)
        x = self.read(cache, tokens.flatten(1)[..., None])
        return self.logits(x.view(*tokens.shape, -1), cache.position - 1)

    def keep(self, cache: Cache, parents: Tensor, alternatives: Tensor) -> None:
        """Go on with alternatives (episode, beam) of beams `parents` (episode, beam), in that order."""
        chosen = parents * cache.alternatives + alternatives
        cache.table, cache.alternatives = cache.table[torch.arange(len(chosen))[:, None], chosen], 1
        cache.order = reading_order(cache.table)
        if (chosen.sort(dim=1).values.diff() == 0).any():  # two beams may not go on writing to one block
            self.part(cache)

    def match(self, cache: Cache, tokens: Tensor) -> None:
        """Refuse tokens (episode, beam, ...) that are not those of the cache's beams, or of their alternatives."""
        if tokens.shape[:2] != cache.table.shape[:2]:
            expected = " of ".join(map(str, cache.table.shape[1::-1]))
            raise ValueError(f"the cache is of {expected} episodes' beams or alternatives, got tokens {tuple(tokens.shape)}")

    def part(self, cache: Cache) -> None:
        """Give every beam a last block of its own: a copy, unless it is full."""
        if cache.filled % self.slots:
            last, episode = cache.table[..., -1], torch.arange(len(cache.table))[:, None]
            cache.table = cache.table[..., :-1]
            self.open(cache)
            for blocks in (cache.keys, cache.values):
                blocks[:, episode, cache.table[..., -1]] = blocks[:, episode, last]

    def open(self, cache: Cache) -> None:
        """Begin a new block for every beam: one that no beam reads."""
        episodes, beams, _ = cache.table.shape
        blocks = cache.keys.shape[2]
        unread = torch.ones(episodes, blocks, dtype=torch.int64).scatter_(1, cache.table.flatten(1), 0)
        if int(unread.sum(dim=1).min()) < beams:
            raise ValueError(f"the cache's {blocks} blocks an episode do not suffice: give `begin` more room")
        fresh = unread.argsort(dim=1, descending=True, stable=True)[:, :beams]
        cache.table = torch.cat([cache.table, fresh[..., None]], dim=-1)
        cache.order = reading_order(cache.table)

    def embed(self, tokens: Tensor, position: int, last: int) -> Tensor:
        """Embeddings (..., time, width) of tokens (..., time) at positions from `position` to before `last`."""
        if last > self.config.block_size:
            raise ValueError(f"position {last - 1} lies beyond the {self.config.block_size} that the model has")
        rows = tokens + self.first_rows[position:last]
        return functional.embedding(rows, self.embeddings).add_(self.positions[position:last])

    def logits(self, x: Tensor, position: int) -> Tensor:
        """Logits (..., vocab_size + 1) after the tokens at a position, from the last layer's output (..., width)."""
        return functional.layer_norm(x, x.shape[-1:], *self.ln_f) @ self.heads[position % self.config.transition_dim]

    def read(self, cache: Cache, tokens: Tensor) -> Tensor:
        """All layers for tokens (episode, beam, time); returns the last one's output (episode, beam, time, width)."""
        episodes, beams, time = tokens.shape
        self.match(cache, tokens)
        x = self.embed(tokens, cache.position, cache.position + time).view(-1, self.config.n_embd)
        kept = (torch.arange(cache.position, cache.position + time) + 1) % self.config.transition_dim != 0
        seen = cache.filled + kept.cumsum(0)
        slot = (seen - 1).masked_fill_(~kept, -1)
        cache.position, cache.filled = cache.position + time, int(seen[-1])
        while cache.table.shape[2] * self.slots < cache.filled:
            self.open(cache)
        for number, layer in enumerate(self.layers):
            weight, bias = layer.query_key_value
            mapped = torch.addmm(bias, functional.layer_norm(x, x.shape[1:], *layer.ln1), weight)
            x.add_(layer.proj[1]).addmm_(self.attend(cache, number, mapped, slot, seen), layer.proj[0])
            hidden = torch.addmm(layer.l1[1], functional.layer_norm(x, x.shape[1:], *layer.ln2), layer.l1[0])
            x.add_(layer.l2[1]).addmm_(functional.gelu(hidden), layer.l2[0])
        return x.view(episodes, beams, time, -1)

    def attend(self, cache: Cache, number: int, mapped: Tensor, slot: Tensor, seen: Tensor) -> Tensor:
        """One layer's attention, one softmax over what is shared and what is in blocks.

        Args:
            cache: keys and values are added to it.
            number: the layer's.
            mapped: (row, 3 · width) query, key and value of each row, which run over episodes, beams and tokens.
            slot: (token,) where keys and values go, -1 for nowhere.
            seen: (token,) how many slots a token looks at, its own included.

        Returns:
            Mixed values (row, width).
        """
        episodes, beams, columns = cache.table.shape
        shared_keys, shared_values = cache.shared_keys[number], cache.shared_values[number]
        keys, values, table = cache.keys[number], cache.values[number], cache.table.contiguous()
        padded, (_, heads, time, _) = shared_keys.shape[3], shared_values.shape
        scratch = mapped.new_empty((beams * len(slot) * (padded + 1) + 2 * cache.filled) * heads)
        mixed = mapped.new_empty(len(mapped), self.config.n_embd)
        tensors = (mapped, shared_keys, shared_values, keys, values, table, cache.order, slot, seen, scratch, mixed)
        sizes = (episodes, beams, len(slot), heads, time, padded, keys.shape[1], columns)
        self.kernel(*(tensor.data_ptr() for tensor in tensors), *sizes)
        return mixed
