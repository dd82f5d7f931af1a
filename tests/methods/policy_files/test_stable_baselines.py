"""Stable-Baselines3's zips, written here as it lays them out: an actor of one hidden number can be computed on paper."""

import base64
import io
import json
import math
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch

from pipeline import PipelineError
from pipeline.methods.policy_files import stable_baselines
from pipeline.study.own import OwnEvaluation
from pipeline.worlds import environments

STEPS = [0.1, 0.2, 0.3, 0.4, 0.5, 1.5]  # weights from the hidden number to the six torques
OBSERVATIONS = np.zeros((2, 17), dtype=np.float32)
OBSERVATIONS[:, 3] = 0.5, -1.0  # which alone is looked at, times two


class Trap:
    """What leaves a folder behind when it is unpickled."""

    def __init__(self, place):
        self.place = str(place)

    def __reduce__(self):
        return os.mkdir, (self.place,)


def layers(first: str, last: str) -> dict[str, torch.Tensor]:
    """The hidden number is twice the fourth observation, before its activation; torques are its multiples, and 0.25 more."""
    look = torch.zeros(1, 17)
    look[0, 3] = 2
    return {
        f"{first}.weight": look,
        f"{first}.bias": torch.zeros(1),
        f"{last}.weight": torch.tensor(STEPS)[:, None],
        f"{last}.bias": torch.full((6,), 0.25),
    }


CRITIC = {"critic.qf0.0.weight": torch.zeros(3, 23)}
KINDS = {
    "sac": {**layers("actor.latent_pi.0", "actor.mu"), "actor.log_std.weight": torch.zeros(6, 1), **CRITIC},
    "td3": {**layers("actor.mu.0", "actor.mu.2"), "actor_target.mu.0.bias": torch.ones(1), **CRITIC},
    "ppo": {
        **layers("mlp_extractor.policy_net.0", "action_net"),
        "log_std": torch.zeros(6),
        "mlp_extractor.value_net.0.bias": torch.zeros(1),
        "value_net.bias": torch.zeros(1),
    },
}


def data(kind: str, trap, **changed) -> dict:
    """The zip's JSON: what is no JSON stands there as a pickle, which here would be noticed if it were read."""
    serialized = {":serialized:": base64.b64encode(pickle.dumps(Trap(trap))).decode()}
    module = {"sac": "sac.policies", "td3": "td3.policies", "ppo": "common.policies"}[kind]
    return {
        "policy_class": {":type:": "<class 'abc.ABCMeta'>", **serialized, "__module__": f"stable_baselines3.{module}"},
        "policy_kwargs": {},
        "use_sde": False,
        "_last_original_obs": None,
        "action_space": {**serialized, "low": "[-1. -1. -1. -1. -1. -1.]", "high": "[1. 1. 1. 1. 1. 1.]"},
        **changed,
    }


def write(path, data: dict, tensors) -> OwnEvaluation:
    """A zip of these, and the run that plays it."""
    stream = io.BytesIO()
    torch.save(tensors, stream)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", json.dumps(data))
        archive.writestr("policy.pth", stream.getvalue())
        archive.writestr("pytorch_variables.pth", b"not looked at")
    return OwnEvaluation("x", "stable_baselines_file", file=str(path))


@pytest.mark.parametrize(
    ("kind", "told", "wanted"),
    [
        ("sac", {}, lambda number, step: math.tanh(max(0, number) * step + 0.25)),
        ("td3", {}, lambda number, step: math.tanh(max(0, number) * step + 0.25)),
        ("ppo", {}, lambda number, step: min(1, max(-1, math.tanh(number) * step + 0.25))),
        ("ppo", {"activation_fn": "<class 'torch.nn.modules.activation.ReLU'>"}, lambda n, s: min(1, max(0, n) * s + 0.25)),
    ],
)
def test_the_actor_of_a_zip_acts_as_on_paper_and_nothing_in_it_is_unpickled(tmp_path, kind, told, wanted):
    trap = tmp_path / "unpickled"
    policy = stable_baselines.load(write(tmp_path / "x.zip", data(kind, trap, policy_kwargs=told), KINDS[kind]))
    policy.reset([0, 1])
    expected = [[wanted(number, step) for step in STEPS] for number in (1.0, -2.0)]
    assert policy.act(OBSERVATIONS, np.zeros(2)) == pytest.approx(np.array(expected), abs=1e-6)
    assert not trap.exists()


def test_tensors_that_are_a_program_are_refused_and_not_run(tmp_path):
    trap = tmp_path / "unpickled"
    run = write(tmp_path / "x.zip", data("sac", trap), {"actor.mu.weight": Trap(trap)})
    with pytest.raises(PipelineError, match=r"x\.zip is no policy that Stable-Baselines3 saved"):
        stable_baselines.load(run)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("kind", "changed", "tensors", "said"),
    [
        ("sac", {"use_sde": True}, {}, "explores by gSDE"),
        ("sac", {"_last_original_obs": {":type:": "numpy.ndarray"}}, {}, "learned from normalized observations"),
        ("sac", {"policy_class": {"__module__": "mine"}}, {}, "holds a policy of its author's own class"),
        ("sac", {"policy_kwargs": {"activation_fn": "<class 'mine.Sine'>"}}, {}, "has <class 'mine.Sine'> between its layers"),
        (
            "sac",
            {"policy_kwargs": {"features_extractor_class": "<class 'mine.Eyes'>"}},
            {},
            "has a features extractor of its own",
        ),
        ("sac", {"action_space": {"low": "[-2.]", "high": "[2.]"}}, {}, "acts between other bounds than -1 and 1"),
        ("sac", {}, {"actor.latent_pi.1.weight": torch.ones(1)}, "holds no plain perceptron that acts"),
        ("ppo", {}, {"log_std": None}, "chooses among actions"),
        (
            "td3",
            {},
            {"actor.mu.2.weight": torch.ones(3, 1)},
            "acts by 3 numbers on 17, and HalfCheetah-v4 takes 6 and shows 17$",
        ),
    ],
)
def test_a_policy_that_its_tensors_do_not_tell_is_refused_in_one_sentence(tmp_path, kind, changed, tensors, said):
    held = {name: tensor for name, tensor in {**KINDS[kind], **tensors}.items() if tensor is not None}
    run = write(tmp_path / "x.zip", data(kind, tmp_path / "unpickled", **changed), held)
    with pytest.raises(PipelineError, match=rf"x\.zip {said}{'' if said.endswith('$') else '.*: bring it as FILE'}"):
        stable_baselines.load(run)


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_what_is_no_zip_is_said_to_be_none(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(PipelineError, match=r"x\.zip is no zip of Stable-Baselines3 \(File is not a zip file\)$"):
        stable_baselines.load(OwnEvaluation("x", "stable_baselines_file", file=str(tmp_path / "x.zip")))


def test_a_zip_without_a_policy_is_said_to_have_none(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("data", "{}")
    with pytest.raises(PipelineError, match=r"is no policy that Stable-Baselines3 saved"):
        stable_baselines.load(OwnEvaluation("x", "stable_baselines_file", file=str(tmp_path / "x.zip")))


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("SAC", {"net_arch": [8, 4]}),
        ("TD3", {"net_arch": [8]}),
        ("PPO", {"net_arch": []}),
        ("PPO", {"activation_fn": torch.nn.ELU}),
    ],
)
def test_what_stable_baselines_saves_acts_as_it_does_itself(tmp_path, kind, told):
    library = pytest.importorskip("stable_baselines3", reason="stable_baselines3, of the extra `train`, is not installed")
    options = {} if kind == "PPO" else {"buffer_size": 10}
    model = getattr(library, kind)(
        "MlpPolicy", environments.make("HalfCheetah-v4"), policy_kwargs=told, seed=0, device="cpu", **options
    )
    with torch.no_grad():  # so that tanh and clipping matter
        for name, weights in model.policy.named_parameters():
            if name.endswith(("mu.weight", "mu.4.weight", "action_net.weight")):
                weights *= 20
    model.save(tmp_path / "x.zip")
    observations = np.random.default_rng(0).normal(0, 3, (32, 17)).astype(np.float32)
    policy = stable_baselines.load(OwnEvaluation("x", "stable_baselines_file", file=str(tmp_path / "x.zip")))
    theirs, _ = model.predict(observations, deterministic=True)
    assert np.array_equal(policy.act(observations, np.zeros(32)), theirs)
