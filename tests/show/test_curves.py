"""Learning curves as TensorBoard reads them."""

import struct
import sys

import pytest
import torch
from tensorboardX.proto.event_pb2 import Event

from pipeline import PipelineError, files
from pipeline.evidence import checkpoints, records
from pipeline.learning import loop
from pipeline.show import curves


def scalars(folder) -> dict[str, list[tuple[int, float]]]:
    """What the one file of events in a folder says: by name, what was done by then and the value."""
    (path,) = folder.iterdir()
    content, at, found = path.read_bytes(), 0, {}
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        event = Event.FromString(content[at + 12 : at + 12 + length])  # after the length and its sum; another sum follows
        at += 16 + length
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_a_trainings_curve_is_its_evidences(tmp_path):
    points = records.read(files.ROOT / "results" / "training" / "local_dt_halfcheetah.json")["values"]["curve"]
    for _ in range(2):  # the second time in the place of the first
        found = scalars(curves.write("local_dt_halfcheetah", tmp_path))
        assert found.keys() == {"loss", "held_out_loss"}
        for key, told in found.items():
            assert [step for step, _ in told] == [point["updates"] for point in points]
            assert [value for _, value in told] == pytest.approx([point[key] for point in points], rel=1e-6)


def test_lists_are_no_scalars_and_steps_count_as_updates_do(tmp_path):
    found = scalars(curves.write("local_sac_halfcheetah_medium", tmp_path))
    assert found.keys() == {"return_mean"} and found["return_mean"][0] == (2000, pytest.approx(-245.822))


def test_of_a_training_under_way_what_is_done_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    told = {"run": {}, "curve": [{"updates": 5, "loss": 0.5}, {"updates": 10, "loss": 0.25}]}
    checkpoints.write_tensors(loop.progress("begun"), {"weight": torch.zeros(1)}, told)
    assert scalars(curves.write("begun", tmp_path / "curves")) == {"loss": [(5, 0.5), (10, 0.25)]}
    with pytest.raises(PipelineError, match="no training 'other' is done or begun"):
        curves.write("other", tmp_path / "curves")


def test_without_the_library_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(PipelineError, match="pip install tensorboardX"):
        curves.write("local_dt_halfcheetah", tmp_path)
