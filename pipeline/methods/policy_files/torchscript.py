"""A policy in TorchScript: a module from observations to actions.

Nothing is unpickled by Python, but a TorchScript file holds code, which can write files as any program can.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline import PipelineError
from pipeline.methods.policy_files.adapters import Checked, Predicting, first_line

if TYPE_CHECKING:
    from pipeline.study.own import OwnEvaluation


def load(run: OwnEvaluation) -> Checked:
    """The policy of a run's file, on the CPU.

    Raises:
        PipelineError: the file is no TorchScript.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            model = torch.jit.load(run.file, map_location="cpu").eval()
    except Exception as error:  # whatever a foreign file may have its reader raise
        raise PipelineError(f"{run.file} is no TorchScript, as torch.jit.save writes it ({first_line(error)})") from None

    @torch.inference_mode()
    def predict(observations: np.ndarray) -> np.ndarray:
        found = model(torch.from_numpy(observations))
        return (found[0] if isinstance(found, tuple) else found).numpy()

    return Checked(Predicting(predict), run)
