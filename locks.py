"""The lock files: every Python package, exactly, with the sha256 of each file that may be installed: `make locks`.

Made by uv from `pyproject.toml`, for Python 3.11 and later on Linux and macOS. Versions stay as they are unless `--upgrade` is
given. torch lies apart, in two files of which one is to be chosen. No lock file holds an address: pip's own settings say where
files come from, the sums which ones they may be.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
MAIN, CPU, CUDA, TOOLS = (f"requirements{part}.lock" for part in ("", "-cpu", "-cuda", "-tools"))
HEADERS = {
    MAIN: "# All packages but torch, each by the sha256 of its files; made by locks.py.\n",
    CPU: "# torch built for CPUs: PyPI's for macOS; for Linux those of PyTorch's CPU index that locks.py has met.\n",
    CUDA: "# torch as PyPI has it, on Linux built with CUDA, and what that needs besides; made by locks.py.\n",
    TOOLS: "# What `make locks` and `make sbom` use, in an environment of their own; made by locks.py.\n",
}
CUDA_NAMES = ("cuda-", "nvidia-", "torch==", "triton==")
# of pyproject.toml those that are installed; others are asked for by name
EXTRAS = ("article", "train", "policies", "curves", "cluster", "dev")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64")


def entries(text: str) -> dict[str, set[str]]:
    """The requirements of a lock file, each `name==version` with its marker, and the sha256 sums of its files."""
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    pinned = [line.split(" --hash=sha256:") for line in lines if line and not line.startswith(("#", "-"))]
    return {requirement.strip(): set(sums) for requirement, *sums in pinned}


def written(header: str, found: dict[str, set[str]]) -> str:
    """A lock file's text, the inverse of `entries`."""
    blocks = [" \\\n    ".join([each, *(f"--hash=sha256:{sum}" for sum in sorted(found[each]))]) for each in sorted(found)]
    return header + "".join(f"{block}\n" for block in blocks)


def locked(*names: str) -> dict[str, set[str]]:
    """What the lock files of these names, where they are there, hold together."""
    paths = [ROOT / name for name in names if (ROOT / name).exists()]
    return {each: sums for path in paths for each, sums in entries(path.read_text(encoding="utf-8")).items()}


def resolved(upgrade: bool, before: dict[str, set[str]], *what: str) -> dict[str, set[str]]:
    """What uv makes of requirements, with the versions of `before` where they serve."""
    place = ROOT / "build" / "locks.txt"
    place.parent.mkdir(exist_ok=True)
    place.write_text("".join(f"{each}\n" for each in before), encoding="utf-8")
    plain = ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
    words = ["pip", "compile", *what, "--universal", "--python-version", PYTHONS[0], *plain, *["--upgrade"] * upgrade]
    subprocess.run([sys.executable, "-m", "uv", *words, "--output-file", str(place)], cwd=ROOT, check=True)
    return entries(place.read_text(encoding="utf-8"))


def offered(requirement: str) -> set[str]:
    """The sums of the files that pip, as it is set up here, finds for each Python and processor of Linux; of some, none."""
    found = set()
    words = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed", "--report", "-"]
    for python in PYTHONS:
        for platform in PLATFORMS:
            target = ["--only-binary=:all:", "--python-version", python, "--platform", platform, "--target", "build/none"]
            said = subprocess.run([*words, *target, requirement], cwd=ROOT, capture_output=True)
            files = json.loads(said.stdout)["install"] if said.returncode == 0 else []
            found |= {file["download_info"]["archive_info"]["hashes"]["sha256"] for file in files}
    return found


def main(*words: str) -> None:
    """All lock files anew; the sums known of torch's CPU builds are kept, since no machine meets all of them."""
    upgrade, before = "--upgrade" in words, locked(MAIN, CPU, CUDA)
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    found = resolved(upgrade, locked(MAIN, CUDA), "pyproject.toml", *extras)
    torch = next(each for each in found if each.startswith("torch=="))
    linux = f"{torch}+cpu"
    sums = before.get(f"{linux} ; sys_platform == 'linux'", set()) | offered(linux)
    cuda = {each for each in found if each.startswith(CUDA_NAMES)}
    files = {
        MAIN: {each: found[each] for each in found.keys() - cuda},
        CPU: {f"{torch} ; sys_platform == 'darwin'": found[torch], f"{linux} ; sys_platform == 'linux'": sums},
        CUDA: {each: found[each] for each in cuda},
        TOOLS: resolved(upgrade, locked(TOOLS), "--group", "tools"),
    }
    for name, content in files.items():
        (ROOT / name).write_text(written(HEADERS[name], content), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
