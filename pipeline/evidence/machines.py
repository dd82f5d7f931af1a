"""Machines: the processor's name, and a digest of how its arithmetic rounds.

Libraries choose other instructions on other processors, which round the last digit of a sum otherwise; a simulated body
amplifies that digit until another episode is played. Whoever holds results of two machines against each other must know whether
both round alike. A processor's name does not tell, since libraries can be told to choose otherwise (`MKL_CBWR`,
`ATEN_CPU_CAPABILITY`); what they compute does.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shlex
import subprocess
from pathlib import Path

import numpy as np


def processor() -> str:
    """The processor's own name where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


@functools.cache
def arithmetic() -> str:
    """The beginning of a SHA-256 over computations of the kinds and shapes that policies are made of, in float32.

    Two machines of one digest, with equal versions of the libraries, can be expected to compute the same bytes. Nothing that
    others draw from or set is touched.
    """
    import torch  # only now: whoever asks for the processor's name alone needs none

    generator = np.random.default_rng(0)
    digest = hashlib.sha256()

    def draw(*shape: int) -> torch.Tensor:
        return torch.from_numpy(generator.standard_normal(shape, dtype=np.float32))

    def keep(*tensors: torch.Tensor) -> None:
        for tensor in tensors:
            digest.update(tensor.numpy().tobytes())

    def weights(out: int, width: int) -> torch.Tensor:
        return draw(out, width) / width**0.5

    with torch.inference_mode():
        for rows in (1, 2, 5, 64, 128):  # episodes in lockstep, and beams
            for width, out in ((17, 256), (128, 384), (128, 512), (512, 128), (256, 6)):
                keep(torch.addmm(draw(out), draw(rows, width), weights(width, out)))
                keep(draw(rows, width) @ weights(out, width).T)
        states, linear = draw(5, 60, 128), torch.nn.functional.linear
        normal = torch.nn.functional.layer_norm(states, (128,), draw(128), draw(128))
        query, key, value = (linear(normal, weights(128, 128)).view(5, 60, 4, 32).transpose(1, 2) for _ in range(3))
        looks = (query @ key.transpose(-1, -2) / 32**0.5).softmax(dim=-1)
        attended = states + linear((looks @ value).transpose(1, 2).reshape(5, 60, 128), weights(128, 128))
        hidden = linear(attended, weights(512, 128), draw(512))
        smooth = [torch.nn.functional.gelu(hidden, approximate=form) for form in ("none", "tanh")]
        keep(normal, looks, attended, *smooth, *(linear(each, weights(128, 512)) for each in smooth))
        keep(hidden.tanh(), hidden.exp(), hidden.sigmoid(), hidden.softmax(dim=-1), hidden.log_softmax(dim=-1))
        keep(hidden.sum(dim=-1), hidden.mean(dim=0), hidden.var(dim=-1), hidden.cumsum(dim=-1), hidden.pow(3))
        keep(torch.nn.functional.conv2d(draw(8, 3, 22, 22), weights(64, 27).view(64, 3, 3, 3), draw(64)))
        layer = linear(linear(draw(5, 17), weights(256, 17)).relu(), weights(256, 256), draw(256)).relu()
        keep(linear(layer, weights(6, 256)).tanh())
    return digest.hexdigest()[:16]


@functools.cache
def compiler() -> str:
    """The beginning of a SHA-256 over what the C compiler says of itself and of the processor it compiles for."""
    try:
        words = [*shlex.split(os.environ.get("CC") or "cc"), "-march=native", "-ffast-math", "-dM", "-E", "-x", "c", os.devnull]
        said = subprocess.run(words, check=True, capture_output=True).stdout
    except (OSError, ValueError, subprocess.CalledProcessError):
        return "none"
    return hashlib.sha256(said).hexdigest()[:16]


def here(compiled: bool = False) -> dict[str, str]:
    """This machine: its processor's name, the digest of its arithmetic and, where code in C computes too, its compiler's."""
    return {"processor": processor(), "arithmetic": arithmetic(), **({"compiler": compiler()} if compiled else {})}


def of(depends: dict) -> dict[str, dict]:
    """`{"machine": here()}` for evidence that depends on torch, whose last digits are the machine's; else nothing.

    Args:
        depends: what the evidence depends on (see `pipeline.evidence.fingerprints.depends`).
    """
    if "torch" not in depends["versions"]:
        return {}
    return {"machine": here(any(module.endswith(".decoding") for module in depends["sources"]))}


def rounds_alike(made: dict) -> bool | None:
    """Whether the machine that made evidence computes the same bytes as this one; None where the evidence names none.

    Args:
        made: the evidence's making. The processor's name decides nothing.
    """
    machine = made.get("machine")
    if not isinstance(machine, dict) or not machine.get("arithmetic"):
        return None
    now = here("compiler" in machine)
    return all(machine.get(key) == now[key] for key in now if key != "processor")
