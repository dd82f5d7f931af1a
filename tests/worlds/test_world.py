"""Worlds: what is known of each is what gymnasium says, and nothing else in the pipeline knows it."""

import ast
import re

import gymnasium
import numpy as np
import pytest

from pipeline import PipelineError, files
from pipeline.worlds import environments, world
from pipeline.worlds.world import HALFCHEETAH, HOPPER, WALKER2D, WORLDS

MODULES = [path for path in sorted((files.ROOT / "pipeline").rglob("*.py")) if path.parent.name not in ("study", "worlds")]
SIZED = re.compile(
    r"(observation|action|state|act|transition)_dim|block_size|episode_steps|max_ep_len|(control|frame)_?s?_?(rate|per_second)"
)


@pytest.mark.parametrize("known", WORLDS.values(), ids=list(WORLDS))
def test_what_is_known_of_a_world_is_what_gymnasium_says(known):
    simulator = environments.make(known.identifier)
    assert simulator.observation_space.shape == (known.observation_dim,)
    assert simulator.action_space.shape == (known.action_dim,)
    assert simulator.action_space.low.tolist() == [-1] * known.action_dim
    assert simulator.action_space.high.tolist() == [1] * known.action_dim
    assert gymnasium.spec(known.identifier).max_episode_steps == known.episode_steps
    assert known.control_rate == pytest.approx(1 / simulator.unwrapped.dt)
    assert known.ends_early == getattr(simulator.unwrapped, "_terminate_when_unhealthy", False)
    simulator.close()


@pytest.mark.parametrize(
    ("known", "random", "expert"),
    [(HALFCHEETAH, -280.178953, 12135.0), (HOPPER, -20.272305, 3234.3), (WALKER2D, 1.629008, 4592.3)],
)
def test_scores_are_d4rls(known, random, expert):
    assert known.normalized_score([random, expert]).tolist() == [0.0, 100.0]
    assert known.normalized_score((random + expert) / 2) == pytest.approx(50.0)
    assert known.normalized_score(2 * expert - random) == pytest.approx(200.0)


@pytest.mark.parametrize(("total", "score"), [(4770.33, 40.68), (3600.0, 31.25)])
def test_a_known_return_of_halfcheetah_has_the_score_that_is_printed_of_it(total, score):
    assert HALFCHEETAH.normalized_score(total) == pytest.approx(score, abs=0.01)


def test_scores_are_computed_in_double_precision():
    assert HOPPER.normalized_score(np.array([1, 2])).dtype == np.float64


def test_a_world_is_found_by_its_name_in_whichever_version():
    assert world.find_world("Hopper-v4") is world.find_world("Hopper-v2") is HOPPER
    assert world.find_world("HalfCheetah-v5") is HALFCHEETAH and world.find_world("Walker2d-v4") is WALKER2D


@pytest.mark.parametrize("name", ["Swimmer-v4", "Hopper", "", "hopper-v4"])
def test_a_world_that_is_not_known_is_one_sentence(name):
    with pytest.raises(PipelineError, match="known are HalfCheetah-v4, Hopper-v4, Walker2d-v4$") as error:
        world.find_world(name)
    assert "\n" not in str(error.value)


DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def known_of_a_world(text: bytes) -> dict[str, list]:
    """What a module says that a world knows, by the rule that it breaks."""
    nodes = list(ast.walk(ast.parse(text)))
    docstrings = [ast.get_docstring(node, clean=False) for node in nodes if isinstance(node, DOCUMENTED)]
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    strings = [value for value in constants if isinstance(value, str) and value not in docstrings]
    scales = {known for each in WORLDS.values() for known in (each.random_return, each.expert_return)}
    found = {
        "name a world by what a run says of it": [each for each in strings if re.search(rf"({'|'.join(WORLDS)})-v\d", each)],
        "a scale lies on its world": [value for value in constants if value in scales],
        "sizes lie on their world": [(name, number) for name, number in given(nodes) if SIZED.search(name) and number],
    }
    return {rule: said for rule, said in found.items() if said}


def test_no_other_module_names_a_world_or_gives_a_size_a_number():
    broken = {path.relative_to(files.ROOT).as_posix(): known_of_a_world(path.read_bytes()) for path in MODULES}
    assert len(MODULES) > 100
    assert {path: found for path, found in broken.items() if found} == {}


def test_a_module_that_knows_of_a_world_is_seen():
    text = b"def f(action_dim=6, other=7):\n    'Hopper-v4'\n    return g('Walker2d-v4', episode_steps=1000, scale=12135.0)\n"
    assert known_of_a_world(text) == {
        "name a world by what a run says of it": ["Walker2d-v4"],
        "a scale lies on its world": [12135.0],
        "sizes lie on their world": [("action_dim", 6), ("episode_steps", 1000)],
    }


def given(nodes: list[ast.AST]):
    """Names that are given a number: variables, defaults and keyword arguments."""
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            pairs = [(target, node.value) for target in targets]
        elif isinstance(node, ast.arguments):
            named = [*node.posonlyargs, *node.args]
            pairs = list(zip(named[len(named) - len(node.defaults) :], node.defaults, strict=True))
            pairs += list(zip(node.kwonlyargs, node.kw_defaults, strict=True))
        elif isinstance(node, ast.keyword):
            pairs = [(node, node.value)]
        else:
            continue
        for target, value in pairs:
            if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
                yield str(getattr(target, "arg", None) or getattr(target, "id", "")).lower(), value.value
