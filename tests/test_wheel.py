"""The cheetah in the browser: its physics, drivers and planner against the pipeline's, in node, which runs the same files."""

import json
import shutil
import subprocess
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from safetensors.torch import load_file

from pipeline import planning, policies, recipes

ROOT = Path(__file__).resolve().parents[1]
WHEEL = ROOT / "assets" / "wheel"


def ask(question, **told):
    """The answer of `tests/wheel.mjs` to a question."""
    assert shutil.which("node"), "node is not installed: `apt install nodejs`."
    command = ["node", str(ROOT / "tests" / "wheel.mjs"), question]
    finished = subprocess.run(command, input=json.dumps(told), capture_output=True, text=True, cwd=ROOT, timeout=600)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def listed(array):
    """An array as JSON can have it."""
    return np.asarray(array).tolist()


# ---- physics ----


def test_the_cheetah_is_gymnasiums():
    installed = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / "half_cheetah.xml"
    assert (WHEEL / "half_cheetah.xml").read_bytes() == installed.read_bytes()


@pytest.mark.parametrize("rollout", sorted(recipes.SOURCES["local"]["roll_out"]))
def test_one_control_step_from_every_recorded_state_is_the_simulators(rollout):
    states = np.load(ROOT / "results" / "rollouts" / f"{rollout}.npz")
    found = ask("steps", **{name: listed(states[name]) for name in ("positions", "velocities", "actions")})
    observations = np.array([step["observation"] for step in found])
    assert np.abs(observations[:-1] - states["observations"][1:]).max() <= 1e-9
    assert np.abs([step["reward"] for step in found] - states["rewards"]).max() <= 1e-6


# ---- drivers ----


def evaluation(name):
    """The run of a stored evaluation."""
    return recipes.EVALUATIONS[name].run


@pytest.fixture(scope="module")
def contexts():
    """The 64 fixed contexts."""
    return load_file(ROOT / "checkpoints" / "contexts" / "halfcheetah.safetensors")


def test_a_decision_transformers_torques_and_attention_on_64_contexts_are_pythons(contexts):
    policy = policies.module("decision_transformer").load(evaluation("local_dt_halfcheetah_6000"))
    inputs = policy.inputs(contexts)
    told = [
        {
            "returns": listed(inputs["returns_to_go"][i, :, 0]),
            "states": listed(inputs["states"][i].flatten()),
            "actions": listed(inputs["actions"][i].flatten()),
            "first": int(inputs["timesteps"][i, 0]),
        }
        for i in range(64)
    ]
    found = ask("contexts", driver="dt_6000", contexts=told)
    assert np.abs(np.array([each["torques"] for each in found]) - policy.respond(contexts)).max() <= 1e-5
    weights, _ = policy.attention(contexts)  # (context, layer, head, query, key)
    rows = weights[:, :, 0, -2, :-1]  # of the last state, which acts; the last action is not there yet
    assert np.abs(np.array([each["attention"] for each in found]) - rows).max() <= 1e-5


@pytest.mark.parametrize(
    ("driver", "name"),
    [
        ("dt_12000", "local_dt_halfcheetah_12000"),
        ("bc", "local_bc_halfcheetah_s0"),
        ("td3bc", "local_td3bc_halfcheetah_s0"),
    ],
)
def test_a_drivers_torques_over_300_steps_are_pythons(driver, name):
    states = np.load(ROOT / "results" / "rollouts" / "local_dt_halfcheetah_6000.npz")
    run = evaluation(name)
    policy = policies.module(run.method).load(run)
    policy.reset([100])
    earned = np.concatenate([[0.0], states["rewards"][:-1]])
    expected = [
        policy.act(observation[None].astype(np.float32), reward[None])[0]
        for observation, reward in zip(states["observations"], earned, strict=True)
    ]
    episode = {"observations": listed(states["observations"]), "rewards": listed(earned)}
    (found,) = ask("acts", driver=driver, asked=run.target_return, episodes=[episode])
    assert np.abs(np.array(found["torques"]) - expected).max() <= 1e-5


# ---- planning ----


@pytest.mark.parametrize(
    ("driver", "name"),
    [("tt_greedy", "local_tt_halfcheetah_greedy"), ("tt_1", "local_tt_halfcheetah_k1"), ("tt_8", "local_tt_halfcheetah_k8")],
)
def test_a_trajectory_transformers_plans_are_pythons_token_for_token(driver, name, contexts):
    policy = policies.module("trajectory_transformer").load(evaluation(name))
    search, told, expected = policy.search, [], []
    returns = contexts["returns_to_go"].double().numpy()
    for i in range(20):
        past = i % (search.context + 1)  # as many transitions as an episode's first steps have, and as all later ones
        parts = contexts["observations"][i].numpy(), contexts["actions"][i].numpy(), returns[i, :-1] - returns[i, 1:]
        tokens = policy.encode(*(part[-1 - past : -1] if len(part) == 20 else part[len(part) - past :] for part in parts))
        present = contexts["observations"][i, -1].numpy()
        plans = policy.plan(tokens[None], present[None], [[100 + i, 7]])
        expected.append(plans.tokens[0].flatten(1)[:, 17:].tolist())
        context = [*tokens.flatten().tolist(), *policy.discretizer.encode(present).tolist()]
        told.append({"context": context, "uniform": listed(planning.draws([[100 + i, 7]], search, 6)[:, :, 0])})
    assert ask("plans", driver=driver, contexts=told) == expected
