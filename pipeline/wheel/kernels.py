"""The kernels of the browser's models: C below wheel/, compiled to the WebAssembly that lies below assets/wheel/.

    python -m pipeline.wheel.kernels

The compiled files are in git, with the digests of what they were made from, so that nobody who changes no kernel needs the
compiler. Who changes one installs it (`pip install ziglang==0.17.0`, the extra `wheel`): the same sources, settings and version
make the same bytes on every machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline import PipelineError, files
from pipeline.graph import command

COMPILER = "ziglang==0.17.0"  # zig's own clang; Debian's makes planning take two to three times as long
PLANNER = "pipeline/methods/trajectory_transformer"
FLAGS = (
    *("-target", "wasm32-freestanding", "-O3", "-ffast-math", "-msimd128", "-mbulk-memory", "-nostdlib", "-Wall", "-Werror"),
    *("-Iwheel/shims", f"-I{PLANNER}", "-DREAL=float", "-DMOST_LANES=16", "-DMOST_TOGETHER=8"),
    *("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--export=__heap_base", "-Wl,--export=panel"),
)
SHARED = (
    f"{PLANNER}/decoding.c",
    "wheel/tangent.h",
    "wheel/shims/math.h",
    "wheel/shims/string.h",
)  # any may include
RECORD = Path("wheel") / "kernels.json"


@dataclass(frozen=True)
class Kernel:
    """One file of C and what it is compiled for; see the beginning of decoding.c for width, size and slots."""

    name: str
    width: int
    size: int
    slots: int
    exports: tuple[str, ...]

    @property
    def source(self) -> str:
        """Where the C lies."""
        return f"wheel/{self.name}.c"

    @property
    def target(self) -> str:
        """Where the WebAssembly lies."""
        return f"assets/wheel/{self.name}.wasm"

    def settings(self) -> list[str]:
        """The kernel's own settings of the compiler."""
        numbers = [f"-DWIDTH={self.width}", f"-DSIZE={self.size}", f"-DSLOTS={self.slots}"]
        return [*numbers, *(f"-Wl,--export={name}" for name in self.exports)]


KERNELS = (
    Kernel("perceptron", width=256, size=256, slots=1, exports=("act",)),
    Kernel("decision_transformer", width=128, size=128, slots=1, exports=("act",)),
    Kernel("trajectory_transformer", width=128, size=32, slots=24, exports=("decode", "head", "softmax")),
)


def made_from(kernel: Kernel, root: Path = files.ROOT) -> str:
    """SHA-256 of all that decides a kernel's bytes: its sources, settings, and the compiler's version."""
    sources = {name: files.sha256(root / name) for name in (kernel.source, *SHARED)}
    known = [COMPILER, FLAGS, asdict(kernel), sources]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def stale(kernel: Kernel, root: Path = files.ROOT) -> str | None:
    """Why a kernel is to be compiled anew; None where it is not."""
    try:
        record = json.loads((root / RECORD).read_text(encoding="utf-8"))[kernel.name]
        if record["made_from"] != made_from(kernel, root):
            return "its sources or settings have changed"
        return None if record["sha256"] == files.sha256(root / kernel.target) else "its bytes are not those that were compiled"
    except (OSError, ValueError, KeyError, TypeError):
        return "it is missing, or was never recorded"


def compile_kernel(kernel: Kernel, root: Path = files.ROOT) -> bytes:
    """The WebAssembly of a kernel.

    Raises:
        PipelineError: the compiler is not installed, or refuses the source.
    """
    if importlib.util.find_spec("ziglang") is None:
        raise PipelineError(f"compiling {kernel.source} needs zig: install it with `pip install {COMPILER}`")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "kernel.wasm"
        words = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *kernel.settings(), kernel.source, "-o", str(made)]
        caches = {name: folder for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
        finished = subprocess.run(words, cwd=root, env={**os.environ, **caches}, capture_output=True, encoding="utf-8")
        if finished.returncode:
            lines = finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}"]
            reason = next((line for line in lines if "error" in line), lines[-1])
            raise PipelineError(f"{kernel.source} cannot be compiled: {reason}")
        return made.read_bytes()


def build(kernel: Kernel, root: Path = files.ROOT) -> None:
    """Compile a kernel into its place, and record what it was made from.

    Raises:
        PipelineError: see `compile_kernel`.
    """
    files.write_bytes(root / kernel.target, compile_kernel(kernel, root))
    record = json.loads((root / RECORD).read_text(encoding="utf-8")) if (root / RECORD).exists() else {}
    record[kernel.name] = {"made_from": made_from(kernel, root), "sha256": files.sha256(root / kernel.target)}
    files.write_json(root / RECORD, dict(sorted(record.items())))


def main() -> None:
    """Compile the kernels that are stale."""
    for kernel in KERNELS:
        if reason := stale(kernel):
            print(f"{kernel.target}: {reason}")
            build(kernel)


if __name__ == "__main__":
    command.run(main)
