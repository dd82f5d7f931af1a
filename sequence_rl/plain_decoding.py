"""What decoding.c computes, in torch: for machines without a C compiler."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

NUMBERS = {torch.float32: ctypes.c_float, torch.float64: ctypes.c_double, torch.int64: ctypes.c_int64}


def at(address: int, dtype: torch.dtype, *shape: int) -> Tensor:
    """The tensor of that shape that begins at an address; it is not copied, and its memory is the caller's."""
    count = math.prod(shape)
    if not count:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer((NUMBERS[dtype] * count).from_address(address), dtype=dtype).view(shape)


def decode_by(dtype: torch.dtype, width: int, size: int, slots: int) -> Callable[..., None]:
    """`decode` of decoding.c for a precision, a width, heads of one size and blocks of so many slots.

    Its arguments are decoding.c's, addresses first; weights lie in panels of one number, and what it works in is not used.
    """
    heads = width // size

    def decode(x: int, weights: int, *told: int) -> None:
        shared_keys, shared_values, keys, values, table, order, slot, seen, _ = told[:9]
        layers, episodes, beams, tokens, time, padded, blocks, columns = told[9:]
        rows = at(x, dtype, episodes, beams, tokens, width)
        sizes = [(3 * width, width), (width, width), (4 * width, width), (width, 4 * width)]  # (output, input) of each map
        maps = at(weights, dtype, layers, sum(output * (read + 1) for output, read in sizes))
        before = (
            at(shared_keys, dtype, layers, episodes, heads, size, padded)[..., :time].transpose(-1, -2),
            at(shared_values, dtype, layers, episodes, heads, time, size),
        )
        kept = [at(each, dtype, layers, episodes, blocks, slots, heads, size) for each in (keys, values)]
        chains = at(table, torch.int64, episodes, beams, columns)
        places, counts = at(slot, torch.int64, tokens), at(seen, torch.int64, tokens)
        visible = torch.arange(columns * slots) < counts[:, None]  # (token, slot)
        episode = torch.arange(episodes)[:, None]
        for layer in range(layers):
            numbers = iter(maps[layer].split([count for output, read in sizes for count in (output * read, output)]))
            to_all, mix, widen, narrow = ((next(numbers).view(shape), next(numbers)) for shape in sizes)
            mapped = functional.linear(functional.layer_norm(rows, (width,)), *to_all)
            query, *new = mapped.view(episodes, beams, tokens, 3, heads, size).unbind(3)
            for token, place in enumerate(places.tolist()):
                if place >= 0:
                    for stored, made in zip(kept, new, strict=True):
                        stored[layer][episode, chains[..., place // slots], place % slots] = made[:, :, token]
            # (episode, beam, slot, head, size): what each beam's chain of blocks holds
            own = [stored[layer][episode[..., None], chains].flatten(2, 3) for stored in kept]
            scores = torch.cat(
                [
                    torch.einsum("ebthd,ehsd->ebths", query, before[0][layer]),
                    torch.einsum("ebthd,ebshd->ebths", query, own[0]).masked_fill(~visible[:, None], -math.inf),
                ],
                dim=-1,
            )
            first, later = scores.softmax(dim=-1).split([time, columns * slots], dim=-1)
            mixed = torch.einsum("ebths,ehsd->ebthd", first, before[1][layer])
            mixed = mixed + torch.einsum("ebths,ebshd->ebthd", later, torch.where(visible.any(0)[:, None, None], own[1], 0))
            rows += functional.linear(mixed.flatten(-2), *mix)
            hidden = functional.gelu(functional.linear(functional.layer_norm(rows, (width,)), *widen))
            rows += functional.linear(hidden, *narrow)

    return decode
