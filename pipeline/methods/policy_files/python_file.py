"""A policy that a Python file's function returns: a program of the user's own, run as such."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pipeline import PipelineError
from pipeline.methods.policy_files.adapters import Checked, attempt, of_predictor

if TYPE_CHECKING:
    from pipeline.study.own import OwnEvaluation


def load(run: OwnEvaluation) -> Checked:
    """What the function of a run's file returns, which is given the run where it takes one argument.

    Raises:
        PipelineError: the file fails, has no such function, or the function returns no policy.
    """
    module = attempt(run.file, import_file, Path(run.file))
    make = getattr(module, run.function, None)
    if not callable(make):
        raise PipelineError(f"{run.file} has no function {run.function}")
    takes = attempt(run.file, inspect.signature, make).parameters
    if run.target_return is not None and not takes:
        raise PipelineError(f"{run.file}:{run.function} takes no run, and so no target return")
    policy = attempt(run.file, make, *([run] if takes else []))
    if callable(getattr(policy, "act", None)) and callable(getattr(policy, "reset", None)):
        return Checked(policy, run)
    if callable(getattr(policy, "predict", None)):
        return Checked(of_predictor(policy), run)
    raise PipelineError(
        f"{run.file}:{run.function} returned {type(policy).__name__}, which has neither reset(seeds) and "
        "act(observations, rewards) nor predict(observations)"
    )


def import_file(path: Path) -> ModuleType:
    """A file as a module; what lies beside it can be imported by it, as when it is run, but hides nothing else."""
    name = f"policy_of_{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(found)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    found.loader.exec_module(module)
    return module
