"""Decoding with a Trajectory Transformer: reading on from where it stopped, many episodes and beams at once.

What beams share is kept once. The tokens that all beams of an episode began with stand apart. What beams read since lies in
blocks of a transition each, and a table says which blocks a beam reads: beams with a common ancestor read the same blocks, a
fork copies at most the block it breaks off in, and choosing among alternatives moves nothing but the table's rows (Kwon et al.
2023, arXiv 2309.06180, section 4, call this paged attention). Layers are loops in C, decoding.c, which is compiled when it is
first needed; everything else is torch's.
"""

from __future__ import annotations

import contextlib
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
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from pipeline import PipelineError, files
from pipeline.evidence import processes
from pipeline.methods.trajectory_transformer.model import Block, TrajectoryTransformerModel

if TYPE_CHECKING:
    from jaxtyping import Float, Int

MOST_LANES = 16  # numbers that decoding.c treats as one, at most
MOST_TOGETHER = 8  # rows that it takes together, at most
LAUNCHERS = ("ccache", "sccache", "distcc", "icecc")  # programs that a compiler may be run by
KEPT_DAYS = 30  # that a library is kept after its last use
C_NAMES = {torch.float32: "float", torch.float64: "double"}


def rearrange(block: Block, panel: int) -> Float[Tensor, " number"]:
    """A block's weights as decoding.c reads them: four maps, each its weights (output / panel, input, panel), then its biases.

    Queries come out scaled, and what a normalization multiplies by and adds is part of the map that follows it.
    """
    attention, scale = block.attn, (block.attn.query.weight.shape[0] // block.attn.heads) ** -0.5
    # (output, input) and (output,) of queries, keys and values, which are one map for decoding.c
    asked = [(each.weight, each.bias) for each in (attention.query, attention.key, attention.value)]
    asked[0] = (asked[0][0] * scale, asked[0][1] * scale)
    maps = (
        (*map(torch.cat, zip(*asked, strict=True)), block.ln1),
        (attention.proj.weight, attention.proj.bias, None),
        (block.l1.weight, block.l1.bias, block.ln2),
        (block.l2.weight, block.l2.bias, None),
    )
    parts = []
    for weight, bias, norm in maps:
        if norm is not None:
            weight, bias = weight * norm.weight, bias + weight @ norm.bias
        parts += [weight.unflatten(0, (-1, panel)).transpose(1, 2).flatten(), bias]
    return torch.cat(parts).detach()


def processor() -> str:
    """What the compiled code depends on of this machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return " ".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))


def run_compiler(command: list[str]) -> None:
    """Run a compiler.

    Raises:
        PipelineError: there is no such program, or it fails.
    """
    try:
        subprocess.run(command, check=True, capture_output=True, encoding="utf-8", errors="replace")
    except (FileNotFoundError, PermissionError):
        raise PipelineError(f"planning needs a C compiler, and there is no program {command[0]!r}: install gcc") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"exit status {error.returncode}"]
        first = next((line for line in said if "error" in line), said[-1])
        raise PipelineError(f"{command[0]} cannot compile {Path(__file__).stem}.c: {first}") from None


def choose_compiler() -> list[str]:
    """The compiler that CC names, `cc` where it names none: a program, or a launcher and a program.

    Raises:
        PipelineError: CC says more; options would make other code than the evidence was made with.
    """
    said = os.environ.get("CC") or "cc"
    try:
        words = shlex.split(said)
    except ValueError as error:
        raise PipelineError(f"CC = {said} names no compiler: {error}") from None
    launched = len(words) == 2 and Path(words[0]).name in LAUNCHERS
    if not words or (len(words) > 1 and not launched) or words[-1].startswith("-"):
        raise PipelineError(
            f"CC = {said} must name a compiler and nothing else, at most behind {' or '.join(LAUNCHERS)}, since options change "
            "the code"
        )
    return words


def kernels() -> Path:
    """Where compiled libraries lie, under a name that ends with their SHA-256."""
    return files.ROOT / "build" / "kernels"


def find_library(name: str) -> Path | None:
    """The library of that name, if it has the bytes that were compiled, and nobody else could have written it."""
    for path in sorted(kernels().glob(f"{name}_*.so")):
        with contextlib.suppress(OSError):  # another process may remove it
            owned = all(one.st_uid == os.geteuid() and not one.st_mode & 0o022 for one in (path.stat(), path.parent.stat()))
            if owned and path.is_file() and path.stem.rpartition("_")[2] == files.sha256(path):
                os.utime(path)
                return path
    return None


def keep_library(name: str, content: bytes) -> Path:
    """Write a compiled library, in the place of one that cannot be used; those that were not for long are removed."""
    folder = kernels()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    processes.remove_unused(folder.glob("decoding_*.so"), KEPT_DAYS)

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)
        temporary.chmod(0o755)

    library = folder / f"{name}_{hashlib.sha256(content).hexdigest()}.so"
    files.write_whole(library, write)
    return library


@functools.cache
def compiled(dtype: torch.dtype, width: int, size: int, slots: int) -> tuple[Callable[..., None], int]:
    """`decode` of decoding.c for a precision, a width, heads of one size and blocks of so many slots; and its panel's width.

    It is compiled once for each of these and each processor, into build/kernels.

    Raises:
        PipelineError: there is no C compiler, it fails, what it makes cannot be loaded, or it is not written for the precision.
    """
    if dtype not in C_NAMES:
        raise PipelineError(f"planning computes in {' or '.join(map(str, C_NAMES))}, and the model's weights are {dtype}")
    compiler = choose_compiler()
    source = Path(__file__).with_name("decoding.c")
    settings = [f"-DREAL={C_NAMES[dtype]}", f"-DWIDTH={width}", f"-DSIZE={size}", f"-DSLOTS={slots}"]
    settings += [f"-DMOST_LANES={MOST_LANES}", f"-DMOST_TOGETHER={MOST_TOGETHER}"]
    # in two steps: one that knew of -ffast-math and linked would also turn off the process's smallest numbers
    to_object = [*compiler, "-pipe", "-O3", "-march=native", "-ffast-math", "-fPIC", "-c", *settings, str(source)]
    known = "\0".join([*to_object, source.read_text(encoding="utf-8"), processor()])
    name = f"decoding_{hashlib.sha256(known.encode()).hexdigest()[:16]}"
    library = find_library(name)
    if library is None:
        with tempfile.TemporaryDirectory() as folder:
            made, linked = f"{folder}/decoding.o", f"{folder}/decoding.so"
            run_compiler([*to_object, "-o", made])
            run_compiler([*compiler, "-shared", made, "-lm", "-o", linked])
            library = keep_library(name, Path(linked).read_bytes())
    try:
        loaded = ctypes.CDLL(str(library))
    except OSError as error:
        raise PipelineError(f"{library} cannot be loaded ({error}): remove it, and it is compiled anew") from None
    loaded.decode.argtypes = [ctypes.c_void_p] * 11 + [ctypes.c_int64] * 8
    loaded.decode.restype = None
    return loaded.decode, ctypes.c_int64.in_dll(loaded, "panel").value


def in_large_pages(tensor: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The tensor; its memory, while unused, is to come in pages of 2 MB, where that is worth it: beams jump about in it."""
    if hasattr(mmap, "MADV_HUGEPAGE") and tensor.nbytes > 2**23:
        page = mmap.PAGESIZE
        first = -(-tensor.data_ptr() // page) * page
        last = (tensor.data_ptr() + tensor.nbytes) // page * page
        ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), mmap.MADV_HUGEPAGE)
    return tensor


class TokensError(ValueError):
    """Tokens that the model has not."""


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


def reading_order(table: Int[Tensor, "episode beam column"]) -> Int[Tensor, "episode beam"]:
    """Beams (episode, beam) int64 so ordered that those which read the same blocks of a table are neighbors."""
    # (episode, beam), sorted by each column, the first last and all stably: so the earliest blocks decide before later ones
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
        for name, weight in model.state_dict().items():
            if not weight.isfinite().all():  # the compiled code takes all numbers for finite
                raise PipelineError(f"planning needs finite weights, and the model's {name} are not")
        width, bins, dimensions = config.n_embd, config.vocab_size, config.transition_dim
        # (dimension · bins + 1, width) to (dimension · (bins + 1), width): each dimension ends with the shared stop token
        table = model.tok_emb.weight.detach()
        stop = table[-1:].expand(dimensions, 1, -1)
        self.embeddings = torch.cat([table[:-1].view(dimensions, bins, width), stop], dim=1).view(-1, width)
        # (position,): where the rows of each position's dimension begin in that table
        self.first_rows = torch.arange(config.block_size) % dimensions * (bins + 1)
        self.positions = model.pos_emb.detach()[0]
        # a block holds a transition but its value, which is never attended to
        self.slots, self.size = dimensions - 1, width // config.n_head
        self.decode, panel = compiled(self.positions.dtype, width, self.size, self.slots)
        # (layer, numbers), see `rearrange`; (dimension, width, token)
        self.layers = torch.stack([rearrange(block, panel) for block in model.blocks])
        self.ln_f = (model.ln_f.weight.detach(), model.ln_f.bias.detach())
        self.heads = model.head.weight.detach().transpose(1, 2).contiguous()

    def begin(
        self, tokens: Int[Tensor, "episode time"], beams: int, capacity: int
    ) -> tuple[Float[Tensor, "episode token"] | None, Cache]:
        """Read tokens (episode, time) that all beams of an episode share.

        Args:
            tokens: the window's beginning; it may be empty.
            beams: how many beams go on from here.
            capacity: blocks for each episode, no fewer than its beams, or their alternatives, ever read at once.

        Returns:
            Logits (episode, vocab_size + 1) of the next token, None where there were no tokens; and the cache.
        """
        episodes, time = tokens.shape
        # read as by one beam an episode that shares nothing: (layer, episode, head, time = 0, size)
        nothing = self.positions.new_empty(len(self.layers), episodes, self.config.n_head, 0, self.size)
        first = self.empty(nothing.transpose(3, 4), nothing, episodes, 1, -(-time // self.slots), 0)
        logits = self.extend(first, tokens[:, None])[:, 0] if time else None
        # the only beam's blocks follow each other: blocks and slots become time
        keys, values = (each.flatten(2, 3)[:, :, : first.filled] for each in (first.keys, first.values))
        # keys (layer, episode, head, size, time), so that a row of numbers is one dimension of as many tokens
        keys = functional.pad(keys.permute(0, 1, 3, 4, 2), (0, -first.filled % MOST_LANES)).contiguous()
        return logits, self.empty(keys, values.transpose(2, 3).contiguous(), episodes, beams, capacity, time)

    def empty(
        self,
        shared_keys: Float[Tensor, "layer episode head size padded"],
        shared_values: Float[Tensor, "layer episode head time size"],
        episodes: int,
        beams: int,
        capacity: int,
        position: int,
    ) -> Cache:
        """A cache without blocks in use, and with room for some.

        Args:
            shared_keys: (layer, episode, head, size, time), padded, see `Cache`.
            shared_values: (layer, episode, head, time, size).
            episodes: how many.
            beams: of each episode.
            capacity: blocks for each episode.
            position: of the token that comes next.
        """
        shape = *shared_keys.shape[:2], capacity, self.slots, self.config.n_head, self.size
        keys, values = (in_large_pages(self.positions.new_empty(shape)) for _ in range(2))
        table = torch.empty(episodes, beams, 0, dtype=torch.int64)
        return Cache(shared_keys, shared_values, keys, values, table, reading_order(table), position)

    def extend(self, cache: Cache, tokens: Int[Tensor, "episode beam time"]) -> Float[Tensor, "episode beam token"]:
        """Let each beam read tokens (episode, beam, time); returns logits (episode, beam, vocab_size + 1) after the last.

        Raises:
            TokensError: a token is none of the model's bins, nor the stop token, vocab_size.
        """
        x = self.read(cache, tokens)
        return self.logits(x[:, :, -1], cache.position - 1)

    def branch(
        self, cache: Cache, tokens: Int[Tensor, "episode beam alternative"]
    ) -> Float[Tensor, "episode beam alternative token"]:
        """Let each alternative read one token, (episode, beam, alternative), no value; returns logits (..., vocab_size + 1)."""
        if (cache.position + 1) % self.config.transition_dim == 0:
            raise ValueError(f"alternatives are told apart by tokens that are kept, and position {cache.position} is a value's")
        count = tokens.shape[-1]
        if cache.alternatives not in (1, count):
            raise ValueError(f"each beam has {cache.alternatives} alternatives, got tokens {tuple(tokens.shape)}")
        if cache.alternatives != count:
            self.check_beams(cache, tokens)
            # (episode, beam, column) to (episode, beam · alternative, column): all read what their beam read
            cache.table, cache.alternatives = cache.table.repeat_interleave(count, dim=1), count
            self.copy_last_blocks(cache)
        x = self.read(cache, tokens.flatten(1)[..., None])  # (episode, beam · alternative, 1, width)
        return self.logits(x.view(*tokens.shape, -1), cache.position - 1)

    def select(self, cache: Cache, parents: Int[Tensor, "episode beam"], alternatives: Int[Tensor, "episode beam"]) -> None:
        """Go on with alternatives (episode, beam) of beams `parents` (episode, beam), in that order."""
        chosen = parents * cache.alternatives + alternatives  # (episode, beam), rows of the table
        cache.table, cache.alternatives = cache.table[torch.arange(len(chosen))[:, None], chosen], 1
        cache.order = reading_order(cache.table)
        if (chosen.sort(dim=1).values.diff() == 0).any():  # two beams may not go on writing to one block
            self.copy_last_blocks(cache)

    def check_beams(self, cache: Cache, tokens: Int[Tensor, "episode beam read"]) -> None:
        """Refuse tokens (episode, beam, ...) that are not those of the cache's beams, or of their alternatives."""
        if tokens.shape[:2] != cache.table.shape[:2]:
            expected = " of ".join(map(str, cache.table.shape[1::-1]))
            raise ValueError(f"the cache is of {expected} episodes' beams or alternatives, got tokens {tuple(tokens.shape)}")

    def copy_last_blocks(self, cache: Cache) -> None:
        """Give every beam a last block of its own: a copy, unless it is full."""
        if cache.filled % self.slots:
            # (episode, beam) and (episode, 1): the blocks that are copied, in all layers at once
            last, episode = cache.table[..., -1], torch.arange(len(cache.table))[:, None]
            cache.table = cache.table[..., :-1]
            self.add_blocks(cache)
            for blocks in (cache.keys, cache.values):
                blocks[:, episode, cache.table[..., -1]] = blocks[:, episode, last]

    def add_blocks(self, cache: Cache) -> None:
        """Begin a new block for every beam: one that no beam reads."""
        episodes, beams, _ = cache.table.shape
        blocks = cache.keys.shape[2]
        # (episode, block): 1 where no beam's row of the table names the block
        unread = torch.ones(episodes, blocks, dtype=torch.int64).scatter_(1, cache.table.flatten(1), 0)
        if int(unread.sum(dim=1).min()) < beams:
            raise ValueError(f"the cache's {blocks} blocks an episode do not suffice: give `begin` more capacity")
        # (episode, beam): the first unread ones
        fresh = unread.argsort(dim=1, descending=True, stable=True)[:, :beams]
        cache.table = torch.cat([cache.table, fresh[..., None]], dim=-1)
        cache.order = reading_order(cache.table)

    def embed(self, tokens: Int[Tensor, "*batch time"], position: int, last: int) -> Float[Tensor, "*batch time width"]:
        """Embeddings (..., time, width) of tokens (..., time) at positions from `position` to before `last`."""
        if last > self.config.block_size:
            raise ValueError(f"position {last - 1} lies beyond the {self.config.block_size} that the model has")
        # (..., time), of the table (dimension · (bins + 1), width)
        rows = tokens + self.first_rows[position:last]
        return functional.embedding(rows, self.embeddings).add_(self.positions[position:last])

    def logits(self, x: Float[Tensor, "*batch width"], position: int) -> Float[Tensor, "*batch token"]:
        """Logits (..., vocab_size + 1) after the tokens at a position, from the last layer's output (..., width)."""
        return functional.layer_norm(x, x.shape[-1:], *self.ln_f) @ self.heads[position % self.config.transition_dim]

    def read(self, cache: Cache, tokens: Int[Tensor, "episode beam time"]) -> Float[Tensor, "episode beam time width"]:
        """All layers for tokens (episode, beam, time); returns the last one's output (episode, beam, time, width)."""
        episodes, beams, time = tokens.shape
        self.check_beams(cache, tokens)
        least, most = tokens.aminmax()
        if least < 0 or most > self.config.vocab_size:
            raise TokensError(f"tokens must lie between 0 and {self.config.vocab_size}, found {int(least)} to {int(most)}")
        # (episode · beam · time, width), which decoding.c overwrites layer by layer
        x = self.embed(tokens, cache.position, cache.position + time).view(-1, self.config.n_embd)
        # (time,): whether a token's key is kept, values' are not; how many are seen once it is; its slot, or -1
        kept = (torch.arange(cache.position, cache.position + time) + 1) % self.config.transition_dim != 0
        seen = cache.filled + kept.cumsum(0)
        slot = (seen - 1).masked_fill_(~kept, -1)
        cache.position, cache.filled = cache.position + time, int(seen[-1])
        while cache.table.shape[2] * self.slots < cache.filled:
            self.add_blocks(cache)
        padded, shared, blocks = cache.shared_keys.shape[-1], cache.shared_values.shape[-2], cache.keys.shape[2]
        # five times x, then attention weights of the rows that are taken together: what decoding.c works in
        weights = padded + -(-cache.filled // MOST_LANES) * MOST_LANES + 1
        scratch = x.new_empty(5 * x.numel() + MOST_TOGETHER * self.config.n_head * weights)
        table = cache.table.contiguous()
        # in the order of decoding.c's arguments: arrays first, then sizes
        past = (cache.shared_keys, cache.shared_values, cache.keys, cache.values, table, cache.order, slot, seen)
        sizes = (len(self.layers), episodes, beams, time, shared, padded, blocks, table.shape[2])
        self.decode(*(tensor.data_ptr() for tensor in (x, self.layers, *past, scratch)), *sizes)
        return x.view(episodes, beams, time, -1)
