"""The cheetah in the browser: its physics, drivers and planner against the pipeline's, in node, which runs the same files."""

import atexit
import copy
import functools
import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy import stats

from pipeline import PipelineError
from pipeline.evidence import recipes, records
from pipeline.measures import imagine
from pipeline.methods import policies
from pipeline.methods.trajectory_transformer import discretization, planning
from pipeline.methods.trajectory_transformer.policy import TrajectoryTransformerPolicy
from pipeline.study import runs
from pipeline.wheel import kernels, starts
from pipeline.worlds import environments
from pipeline.worlds.environments import mujoco

ROOT = Path(__file__).resolve().parents[2]
WHEEL = ROOT / "assets" / "wheel"
DRIVERS = json.loads((WHEEL / "drivers.json").read_text(encoding="utf-8"))


@functools.cache
def node():
    """One node for all questions: it loads simulator and models once."""
    assert shutil.which("node"), "node is not installed: `apt install nodejs`."
    process = subprocess.Popen(
        ["node", str(ROOT / "tests" / "wheel.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    atexit.register(process.communicate)  # it ends with its questions
    return process


def ask(question, **told):
    """The answer of `tests/wheel.mjs` to a question."""
    node().stdin.write(json.dumps([question, told]) + "\n")
    node().stdin.flush()
    said = json.loads(node().stdout.readline() or '{"error": "node has ended"}')
    assert "error" not in said, said["error"]
    return said["answer"]


def listed(array):
    """An array as JSON can have it."""
    return np.asarray(array).tolist()


# ---- physics ----


def test_the_cheetah_is_gymnasiums():
    installed = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / "half_cheetah.xml"
    assert (WHEEL / "half_cheetah.xml").read_bytes() == installed.read_bytes()


@pytest.mark.parametrize("rollout", [run.name for run in runs.ROLLOUTS])
def test_one_control_step_from_every_recorded_state_is_the_simulators(rollout):
    states = np.load(ROOT / "results" / "rollouts" / f"{rollout}.npz")
    found = ask("steps", **{name: listed(states[name]) for name in ("positions", "velocities", "actions")})
    observations = np.array([step["observation"] for step in found])
    assert np.abs(observations[:-1] - states["observations"][1:]).max() <= 1e-9
    assert np.abs([step["reward"] for step in found] - states["rewards"]).max() <= 1e-6


def test_episodes_begin_where_the_evaluations_seeds_do():
    assert json.loads((WHEEL / "starts.json").read_text(encoding="utf-8")) == starts.starts()


def test_a_pose_is_the_simulators():
    states = np.load(ROOT / "results" / "rollouts" / "local_dt_halfcheetah_6000.npz")
    position, velocity = states["positions"][100], states["velocities"][100]
    (found,) = ask(
        "steps", positions=[listed(position)], velocities=[listed(velocity)], actions=[listed(states["actions"][100])]
    )
    simulator = environments.make("HalfCheetah-v4")
    limbs = imagine.limbs(simulator, states["observations"][100], position[0])  # (limb, end, 2)
    assert np.allclose(np.array(found["pose"][:32]).reshape(8, 2, 2), limbs, atol=1e-5)
    data = mujoco.MjData(simulator.unwrapped.model)
    data.qpos[:] = position
    mujoco.mj_kinematics(simulator.unwrapped.model, data)
    assert np.allclose(np.array(found["pose"][32:]).reshape(6, 2), data.xpos[2:][:, [0, 2]], atol=1e-5)
    simulator.close()


# ---- drivers ----


def evaluation(name):
    """The run of a stored evaluation."""
    return recipes.EVALUATIONS[name].run


@pytest.fixture(scope="module")
def contexts():
    """The 64 fixed contexts."""
    return load_file(ROOT / "checkpoints" / "contexts" / "halfcheetah.safetensors")


def test_a_decision_transformers_torques_and_attention_on_64_contexts_are_pythons(contexts):
    policy = policies.load(evaluation("local_dt_halfcheetah_6000"))
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
    policy = policies.load(run)
    policy.reset([100])
    earned = np.concatenate([[0.0], states["rewards"][:-1]])
    expected = [
        policy.act(observation[None].astype(np.float32), reward[None])[0]
        for observation, reward in zip(states["observations"], earned, strict=True)
    ]
    episode = {"observations": listed(states["observations"]), "rewards": listed(earned)}
    (found,) = ask("acts", driver=driver, asked=run.target_return, episodes=[episode])
    assert np.abs(np.array(found["torques"]) - expected).max() <= 1e-5


def test_weights_are_read_as_they_lie_in_the_checkpoint_of_half_precision_too():
    for checkpoint in ("local_bc_halfcheetah_s0", "local_rvs_halfcheetah_throttled_s0"):
        expected = load_file(ROOT / "checkpoints" / checkpoint / "model.safetensors")
        found = ask("tensors", checkpoint=checkpoint)
        assert {name: each["shape"] for name, each in found.items()} == {n: list(t.shape) for n, t in expected.items()}
        for name, each in found.items():
            assert each["values"] == expected[name].flatten()[:9].tolist()


def test_drivers_are_told_what_the_evaluations_beside_them_were():
    listed = {driver["name"]: driver for driver in DRIVERS}
    for recipe in recipes.BROWSER_EVALUATIONS.values():
        driver, run = listed[recipe.run.driver], evaluation(recipe.name)
        assert driver["checkpoint"] == run.checkpoint and driver["method"] == run.method
        assert driver.get("asked") == run.target_return
        for told, name in (("beams",) * 2, ("horizon",) * 2, ("expansion",) * 2, ("context",) * 2, ("cdf", "action_cdf")):
            assert driver.get("search", {}).get(told) == getattr(run, name, None)


def test_every_force_is_gone_a_second_later():
    names = ("forward", "back", "lift", "tip", "none", "drag")
    found = dict(zip(names, ask("forces", pushes=names, steps=24), strict=True))
    for push in names[:4]:
        assert found[push][0]["left"] and not any(step["left"] for step in found[push][4:])
    still = found["none"]
    assert not any(step["left"] for step in still)
    assert found["forward"][2]["x"] > still[2]["x"] + 0.05 and found["back"][2]["x"] < still[2]["x"] - 0.05
    assert found["lift"][2]["z"] > still[2]["z"] + 0.05
    assert abs(found["tip"][9]["turn"] - still[9]["turn"]) > 0.5
    dragged = found["drag"]
    assert dragged[2]["left"] and dragged[2]["x"] > still[2]["x"] + 0.05 and not any(step["left"] for step in dragged[4:])


def test_errors_are_told_in_one_sentence_each():
    errors = [
        ["RangeError", "Array buffer allocation failed"],
        ["Error", "x.wasm could not be loaded (404)"],
        ["Error", "a\nb"],
        ["TypeError", "Failed to fetch dynamically imported module: http://127.0.0.1/post/assets/wheel/mujoco.js"],
        ["TypeError", "NetworkError when attempting to fetch resource."],
    ]
    room, missing, other, module, network = ask("sentences", errors=errors)
    assert room == "There is not enough memory here for the simulator and the models."
    assert missing == "It cannot run here: x.wasm could not be loaded (404)."
    assert other == "It cannot run here: a."
    assert module == "It cannot run here: assets/wheel/mujoco.js could not be loaded."
    assert network == "It cannot run here: a file of it could not be loaded."


# ---- planning ----


def test_bins_are_pythons():
    thresholds = load_file(ROOT / "checkpoints" / "local_tt_halfcheetah" / "discretizer.safetensors")["thresholds"].numpy()
    bins = discretization.QuantileDiscretizer(thresholds)
    generator = np.random.default_rng(0)
    low, high = thresholds[0] - 1, thresholds[-1] + 1
    values = np.concatenate([thresholds, thresholds - 1e-9, generator.uniform(low, high, (200, 25))])
    tokens = generator.integers(0, 101, (50, 25))
    found = ask("bins", values=values.tolist(), tokens=tokens.tolist())
    assert found["tokens"] == bins.encode(values).tolist()
    assert found["values"] == bins.decode(tokens).tolist()


def test_a_planner_acts_on_what_it_saw_did_and_earned_as_pythons_does():
    states = np.load(ROOT / "results" / "rollouts" / "local_dt_halfcheetah_6000.npz")
    policy = policies.load(evaluation("local_tt_halfcheetah_greedy"))
    policy.reset([100])
    observations, earned = states["observations"][:12], np.concatenate([[0.0], states["rewards"][:11]])
    expected = [
        policy.act(observation[None].astype(np.float32), reward[None])[0]
        for observation, reward in zip(observations, earned, strict=True)
    ]
    episode = {"observations": listed(observations), "rewards": listed(earned)}
    (found,) = ask("acts", driver="tt_greedy", asked=None, episodes=[episode])
    assert np.abs(np.array(found["torques"]) - expected).max() <= 1e-7


def test_what_is_drawn_ahead_is_what_the_best_plan_passes_through():
    observation = np.load(ROOT / "results" / "rollouts" / "local_dt_halfcheetah_6000.npz")["observations"][100]
    found = ask("imagined", driver="tt_1", observation=listed(observation))
    thresholds = load_file(ROOT / "checkpoints" / "local_tt_halfcheetah" / "discretizer.safetensors")["thresholds"].numpy()
    bins = discretization.QuantileDiscretizer(thresholds)
    tokens = np.array(found["best"][8:]).reshape(4, 25)[:, :17]  # after the first transition's action, reward and value
    ahead = bins.decode(tokens)
    assert np.allclose(np.array(found["states"])[:, 1:], ahead[:, :8], atol=1e-12)
    assert np.allclose(np.array(found["states"])[:, 0], np.cumsum(0.05 * ahead[:, 8]), atol=1e-12)


def test_uniform_numbers_are_uniform_and_of_their_seed():
    one, same, other = np.array(ask("uniform", seeds=[100, 100, 101], count=5000))
    assert (one == same).all() and not (one == other).any()
    assert ((one >= 0) & (one < 1)).all()
    assert stats.kstest(one, "uniform").pvalue > 0.01 and stats.kstest(other, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(one[:-1], one[1:])[0, 1]) < 0.05 and abs(np.corrcoef(one, other)[0, 1]) < 0.05


def shaken(policy, seed: int) -> TrajectoryTransformerPolicy:
    """The same policy with weights moved by parts in 100,000, many times what processors round apart."""
    model, generator = copy.deepcopy(policy.model), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1 + 1e-5 * torch.randn(weight.shape, generator=generator))
    return TrajectoryTransformerPolicy(model, policy.discretizer, policy.search)


@pytest.mark.parametrize(
    ("driver", "name"),
    [("tt_greedy", "local_tt_halfcheetah_greedy"), ("tt_1", "local_tt_halfcheetah_k1"), ("tt_8", "local_tt_halfcheetah_k8")],
)
def test_a_trajectory_transformers_plans_are_pythons_token_for_token(driver, name, contexts):
    policy = policies.load(evaluation(name))
    others = [shaken(policy, seed) for seed in range(3)]
    search, told, expected = policy.search, [], []
    returns = contexts["returns_to_go"].double().numpy()
    for past in range(search.context + 1):  # as many transitions as an episode's first steps have, and as all later ones
        group = range(past, 20, search.context + 1)
        seeds, present = [[100 + i, 7] for i in group], contexts["observations"][group, -1].numpy()
        seen, done = contexts["observations"][group, -1 - past : -1].numpy(), contexts["actions"][group, -1 - past : -1].numpy()
        earned = (returns[group, :-1] - returns[group, 1:])[:, 19 - past :]
        tokens = policy.encode(seen, done, earned)
        plans = [each.plan(tokens, present, seeds).tokens.flatten(2)[:, :, 17:].tolist() for each in (policy, *others)]
        for row, now, seed, plan, *same in zip(tokens, present, seeds, *plans, strict=True):
            if all(each == plan for each in same):  # a plan that hangs on the last digit of a logit is no kernel's to repeat
                context = [*row.flatten().tolist(), *policy.discretizer.encode(now).tolist()]
                told.append({"context": context, "uniform": listed(planning.draws([seed], search, 6)[:, :, 0])})
                expected.append(plan)
    assert len(told) >= 12 and ask("plans", driver=driver, contexts=told) == expected


# ---- times ----


@pytest.mark.parametrize(("driver", "bar"), [("dt_6000", 5), ("bc", 1), ("td3bc", 1), ("tt_greedy", 20), ("tt_1", 50)])
def test_an_action_fits_into_the_robots_period(driver, bar):
    # three times the bar: processor time of the same code was up to 1.8 times as long on a host with much else to do
    assert ask("times", driver=driver, steps=20) <= 3 * bar


# ---- scores, and what they were played by ----


def test_totals_in_the_browser_are_the_evaluations_within_chance():
    for recipe in recipes.BROWSER_EVALUATIONS.values():
        here, there = (records.read(each.path())["values"] for each in (recipe, recipes.EVALUATIONS[recipe.name]))
        error = np.hypot(*(values["return_sd"] / values["episodes"] ** 0.5 for values in (here, there)))
        assert here["episodes"] == 10 and abs(here["return_mean"] - there["return_mean"]) <= 2.5 * error


def test_a_stored_total_is_played_again():
    stored = records.read(recipes.BROWSER_EVALUATIONS["local_bc_halfcheetah_s0"].path())["values"]
    assert stored["seeds"][0] == 100
    (found,) = ask("totals", driver="bc", starts=1, steps=1000)
    assert found == pytest.approx(stored["returns"][0], abs=0.1)


def test_the_simulator_is_the_one_that_package_json_pins():
    pinned = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["dependencies"]["@mujoco/mujoco"]
    assert {recipe.run.engine for recipe in recipes.BROWSER_EVALUATIONS.values()} == {f"@mujoco/mujoco {pinned}"}


def test_all_that_an_episode_is_played_by_is_named_in_its_evidence():
    shown = {"drivers.json", "panel.js", "drawing.js", "worker.js", "reasons.js", "package.json", "policies/manual.js"}
    named = {name.removeprefix("assets/wheel/") for each in recipes.BROWSER_EVALUATIONS.values() for name in each.inputs}
    there = {path.relative_to(WHEEL).as_posix() for path in WHEEL.rglob("*") if path.is_file() and path.suffix != ".txt"}
    assert there - named == shown


# ---- kernels ----


@pytest.mark.parametrize("kernel", kernels.KERNELS, ids=lambda kernel: kernel.name)
def test_a_kernel_is_what_its_sources_compile_to(kernel):
    assert kernels.stale(kernel) is None
    if importlib.util.find_spec("ziglang"):
        assert kernels.compile_kernel(kernel) == (ROOT / kernel.target).read_bytes()


def test_a_kernel_is_stale_where_a_source_a_setting_or_its_bytes_changed(tmp_path, monkeypatch):
    for name in ("wheel", "assets/wheel"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / kernels.PLANNER).mkdir(parents=True)
    shutil.copy(ROOT / kernels.PLANNER / "decoding.c", tmp_path / kernels.PLANNER)
    kernel = kernels.KERNELS[1]
    assert kernels.stale(kernel, tmp_path) is None
    (tmp_path / kernel.target).write_bytes(b"")
    assert kernels.stale(kernel, tmp_path) == "its bytes are not those that were compiled"
    shutil.copy(ROOT / kernel.target, tmp_path / kernel.target)
    monkeypatch.setattr(kernels, "COMPILER", "another")
    assert kernels.stale(kernel, tmp_path) == "its sources or settings have changed"
    monkeypatch.undo()
    with (tmp_path / "wheel/tangent.h").open("a", encoding="utf-8") as header:
        header.write("\n")
    assert kernels.stale(kernel, tmp_path) == "its sources or settings have changed"
    (tmp_path / kernels.RECORD).unlink()
    assert kernels.stale(kernel, tmp_path) == "it is missing, or was never recorded"


def test_a_compiler_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PipelineError, match="pip install ziglang==0.17.0"):
        kernels.compile_kernel(kernels.KERNELS[0])


def test_kernels_import_nothing_and_use_vectors():
    for kernel in kernels.KERNELS:
        content = (ROOT / kernel.target).read_bytes()
        assert content[:4] == b"\0asm" and b"\xfd" in content
        assert ask("imports", file=f"{kernel.name}.wasm") == []
