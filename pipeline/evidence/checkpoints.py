"""Checkpoints: safetensors, `config.json` and a card in `checkpoints/<run>/`, and tensors a resumed training starts from."""

from __future__ import annotations

import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from pipeline import PipelineError, files
from pipeline.evidence import records
from pipeline.study import runs

if TYPE_CHECKING:
    from pipeline.study.run import Run

Tensors = dict[str, torch.Tensor]
CURE = "restore it with `git checkout -- checkpoints`, or make it with `make train`"
PUBLISHED = "hub_"  # begins the names of checkpoints that are fetched, not trained here


class CheckpointError(PipelineError):
    """A checkpoint that cannot be used; the message names the file and the cure."""


def write_tensors(path: Path, tensors: Tensors, metadata: dict | None = None) -> None:
    """Write named tensors, with JSON-able metadata, as one safetensors file, whole or not at all."""
    header = {"json": json.dumps(metadata or {}, allow_nan=False)}
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    files.write_bytes(path, save(contiguous, header))


def read_tensors(path: Path) -> tuple[Tensors, dict]:
    """Named tensors and metadata of a safetensors file.

    Raises:
        CheckpointError: the file is missing, truncated, or not safetensors.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads((file.metadata() or {}).get("json", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing: {CURE}") from None
    except (SafetensorError, struct.error, OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}): {CURE}") from None


def subset(tensors: Tensors, prefix: str) -> Tensors:
    """The tensors whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """An optimizer's moments and step counts as tensors named `<parameter index>.<moment>`."""
    return {
        f"{index}.{key}": torch.as_tensor(value)
        for index, moments in optimizer.state_dict()["state"].items()
        for key, value in moments.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """The inverse of `optimizer_tensors`, into an optimizer made with the same settings."""
    state: dict[int, Tensors] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def write_model(folder: Path, model, card: str) -> None:
    """Write `config.json`, the card, the weights and `SHA256SUMS`, each whole, the sums last.

    A writing cut short leaves sums that do not match, which `verify` refuses.
    """
    files.sweep(folder / "saved")
    saved = files.temporary_path(folder / "saved")
    try:
        model.save_pretrained(saved)
        for name in ("config.json", "model.safetensors"):
            files.write_bytes(folder / name, (saved / name).read_bytes())
    except SafetensorError as error:
        raise CheckpointError(f"{folder} cannot be written ({error})") from None
    finally:
        shutil.rmtree(saved, ignore_errors=True)
    files.write_text(folder / "README.md", card)
    write_sums(folder)


def card(name: str, facts: dict[str, str], curve: list[dict]) -> str:
    """A checkpoint's card in Markdown: facts as a list, the learning curve as a table."""
    lines = [f"# {name}", "", *(f"- **{key}**: {value}" for key, value in facts.items()), "", "## Learning curve", ""]
    lines += ["| " + " | ".join(key.replace("_", " ") for key in curve[0]) + " |", "|" + " ---: |" * len(curve[0])]
    lines += ["| " + " | ".join(f"{value:,.4f}".rstrip("0").rstrip(".") for value in point.values()) + " |" for point in curve]
    return "\n".join(lines) + "\n"


def write_sums(folder: Path) -> None:
    """Write `SHA256SUMS` over a folder's files, as `sha256sum --check` reads it."""
    names = sorted(
        path.name for path in folder.iterdir() if path.name not in ("SHA256SUMS", "README.md") and not path.name.startswith(".")
    )
    files.write_text(folder / "SHA256SUMS", "".join(f"{files.sha256(folder / name)}  {name}\n" for name in names))


def cure(folder: Path) -> str:
    """How to come by a checkpoint that is missing or damaged."""
    published = folder.name.startswith(PUBLISHED)
    base, elsewhere, data = folder.name.partition(runs.ON)
    if elsewhere:
        return f"train it by the verb that trains {base}, with `--data {data}`"
    return f"fetch it with `python -m pipeline make fetched/{folder.name}`" if published else CURE


def verify(folder: Path) -> None:
    """Check a checkpoint's files against its `SHA256SUMS`.

    Raises:
        CheckpointError: a file or the sums are missing, or a sum does not match.
    """
    if not (folder / "SHA256SUMS").is_file():
        raise CheckpointError(f"{folder} holds no checkpoint (no SHA256SUMS): {cure(folder)}")
    lines = (
        line.partition("  ") for line in (folder / "SHA256SUMS").read_text(encoding="utf-8", errors="replace").splitlines()
    )
    sums = {name: expected for expected, _, name in lines}
    if not {"config.json", "model.safetensors"} <= sums.keys():
        raise CheckpointError(f"{folder / 'SHA256SUMS'} does not list the checkpoint's files: {cure(folder)}")
    for name, expected in sums.items():
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder / name} is missing: {cure(folder)}")
        if files.sha256(folder / name) != expected:
            raise CheckpointError(f"{folder / name} has another sha256 than SHA256SUMS says: {cure(folder)}")


def verify_training(folder: Path, path: Path) -> None:
    """Check a checkpoint's files against the evidence of the training that made it, where there is such evidence.

    Raises:
        CheckpointError: the evidence names another sum for a file, so that this is another training's checkpoint.
        EvidenceError: the evidence cannot be read.
    """
    sums = records.read(path)["values"].get("sha256", {}) if path.exists() else {}
    for name, expected in sums.items():
        file = folder / Path(name).name
        if not file.is_file() or files.sha256(file) != expected:
            raise CheckpointError(f"{file} is not what {path} says was trained: {cure(folder)}")


def load(name: str, model_class, run: Run | None = None, root: Path = files.ROOT, **options):
    """Load the checkpoint of a training run, checked: sums, recipe, architecture, finite weights.

    Args:
        name: the training run's name, which is the folder's.
        model_class: a transformers `PreTrainedModel`.
        run: the training run as `pipeline.study.runs` has it now; it must be the one the checkpoint was trained by.
        root: the folder below which `checkpoints/` and `results/` lie.
        options: handed to `from_pretrained`, such as `attn_implementation="eager"`.

    Raises:
        CheckpointError: with the file and the cure.
    """
    folder = Path(root) / "checkpoints" / name
    verify(folder)
    verify_training(folder, Path(root) / "results" / "training" / f"{name}.json")
    try:
        model, report = model_class.from_pretrained(folder, local_files_only=True, output_loading_info=True, **options)
    except Exception as error:  # a wrong configuration makes transformers fail wherever it is first used
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CheckpointError(f"{folder} cannot be loaded as {model_class.__name__} ({reason}): {cure(folder)}") from None
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report.get(kind):
            first = sorted(map(str, report[kind]))[0]
            raise CheckpointError(
                f"{folder / 'model.safetensors'} has {kind.replace('_', ' ')}, such as {first}: {cure(folder)}"
            )
    for key, tensor in model.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{folder / 'model.safetensors'} holds a weight that is not finite, in {key}: {cure(folder)}")
    if name.startswith(PUBLISHED):
        return model.eval()  # no recipe of this project trained it; `pipeline.hub.published` checked whose it is
    base, _, data = name.partition(runs.ON)
    if run is not None and data and run.name == base:
        run = replace(run, name=name, data=data)
    trained = getattr(model.config, "training", None)
    if run is not None and not isinstance(trained, dict):
        raise CheckpointError(f"{folder / 'config.json'} does not say which run trained it: {cure(folder)}")
    if run is not None and (changed := records.trained_otherwise(trained, run)):
        key, then, now = changed[0]
        raise CheckpointError(
            f"{folder} was trained with {key} = {then!r} and its run says {now!r}: train it again with `doit train:{name}`"
        )
    return model.eval()
