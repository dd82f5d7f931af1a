"""Where compiled code lies once the library is installed, and how planning decodes where none can be compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import platformdirs
import torch

from sequence_rl.core import PipelineError
from sequence_rl.plain_decoding import decode_by

PRECISIONS = (torch.float32, torch.float64)


def folder() -> Path:
    """Where compiled libraries lie: in the user's folder for what can be made anew."""
    return Path(platformdirs.user_cache_dir("sequence_rl")) / "kernels"


def or_plain(compiled: Callable) -> Callable:
    """`compiled`, and in its place, where there is no compiler or it fails, the same in torch, with a warning.

    Args:
        compiled: of `core.methods.trajectory_transformer.decoding`.
    """

    def choose(dtype: torch.dtype, width: int, size: int, slots: int) -> tuple[Callable[..., None], int]:
        try:
            return compiled(dtype, width, size, slots)
        except (PipelineError, OSError) as error:  # no compiler, or nowhere to keep what it makes
            if dtype not in PRECISIONS:
                raise
            warnings.warn(f"{error}; planning goes on without, several times slower", stacklevel=3)
            return decode_by(dtype, width, size, slots), 1

    return choose
