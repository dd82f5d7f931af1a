"""A policy in ONNX: one input of observations, whose first output are actions."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline import PipelineError
from pipeline.methods.policy_files.adapters import Checked, Predicting, attempt

if TYPE_CHECKING:
    from pipeline.study.own import OwnEvaluation

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}


def load(run: OwnEvaluation) -> Checked:
    """The policy of a run's file, computed on one thread.

    Raises:
        PipelineError: onnxruntime is not installed, the file is no ONNX or keeps weights outside itself, which no digest would
            see, or it wants other inputs.
    """
    try:
        import onnxruntime
    except ImportError:
        raise PipelineError(f"{run.file} needs onnxruntime, of the extra `policies`: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as alone:  # so that it finds no other file than itself
        copy = shutil.copy(run.file, Path(alone) / "policy.onnx")
        session = attempt(run.file, lambda: onnxruntime.InferenceSession(copy, options, providers=["CPUExecutionProvider"]))
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in TYPES:
        wanted = ", ".join(f"{each.name} {each.type}" for each in inputs)
        raise PipelineError(f"{run.file} takes {wanted or 'nothing'}, where one input of floating-point observations is wanted")
    return Checked(Predicting(predictor(session, inputs[0])), run)


def predictor(session, wanted):
    """Actions for observations by the first output; of a model for one episode, episode by episode."""
    kind, alone = TYPES[wanted.type], wanted.shape[:1] == [1]

    def forward(observations: np.ndarray) -> np.ndarray:
        return np.asarray(session.run(None, {wanted.name: observations.astype(kind)})[0])

    def predict(observations: np.ndarray) -> np.ndarray:
        if not alone:
            return forward(observations)
        return np.concatenate([forward(observations[[episode]]) for episode in range(len(observations))])

    return predict
