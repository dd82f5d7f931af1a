"""BabyAI's levels: what is seen is what is there, instructions are read exactly, and lockstep keeps episodes apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from minigrid.utils.baby_ai_bot import BabyAIBot

from pipeline import PipelineError
from pipeline.methods.random_steps.policy import RandomSteps
from pipeline.study import runs
from pipeline.worlds import levels

DOORS = {
    "go_to_local_s7n5": set(),
    "go_to_local_s8n7": set(),
    "pickup_loc": set(),
    "go_to_obj_maze_s4r2_closed": {1},
    "go_to_obj_maze_s4_open": {0},
    "go_to_obj_maze_s7_open": {0},
}  # states of the doors: 0 open, 1 closed


def begun(level: str, seed: int = 0):
    simulator = levels.make(level)
    levels.reset(simulator, seed)
    return simulator


def test_the_runs_play_every_level():
    assert sorted(runs.LEVELS) == sorted(levels.LEVELS) == sorted(DOORS)


@pytest.mark.parametrize("name", levels.LEVELS)
def test_the_whole_grid_is_seen_as_minigrid_encodes_it_and_the_rest_is_padding(name):
    simulator, size = begun(name), levels.LEVELS[name].size
    image = levels.observe([simulator]).images[0]
    assert np.array_equal(image[:size, :size], simulator.grid.encode())
    assert image.shape == (levels.SIZE, levels.SIZE, 3)
    assert not image[size:].any() and not image[:, size:].any()


@pytest.mark.parametrize("name", levels.LEVELS)
def test_doors_are_open_where_the_authors_had_them_open_and_closed_elsewhere(name):
    doors = set()
    for seed in range(10):
        image = levels.observe([begun(name, seed)]).images[0]
        doors |= set(image[image[..., 0] == 4][:, 2].tolist())
    assert doors == DOORS[name]


@pytest.mark.parametrize("name", levels.LEVELS)
def test_the_instruction_is_read_and_the_goal_is_the_object_it_names(name):
    for seed in range(20):
        simulator = begun(name, seed)
        views = levels.observe([simulator])
        words = [levels.VOCABULARY[word - 1] for word in views.missions[0] if word]
        assert " ".join(words) == simulator.mission
        x, y = views.goals[0]
        seen = {(5, "key"), (6, "ball"), (7, "box")}
        assert [kind for number, kind in seen if number == views.images[0, x, y, 0]][0] in words


def test_the_pose_is_where_the_agent_stands_and_looks():
    simulator = begun("go_to_local_s8n7")
    direction = levels.observe([simulator]).poses[0, 2]
    simulator.step(levels.ACTIONS.index("right"))
    assert levels.observe([simulator]).poses.tolist() == [[*simulator.agent_pos, (direction + 1) % 4]]


def test_of_several_objects_the_goal_is_the_nearest():
    simulator = begun("go_to_local_s8n7")
    simulator.instrs.desc.obj_poss = [(1, 1), (6, 6), (3, 5)]
    simulator.agent_pos = (3, 4)
    assert levels.goal(simulator) == (3, 5)
    simulator.agent_pos = (1, 3)
    assert levels.goal(simulator) == (1, 1)


def test_a_goal_that_is_gone_is_the_corner():
    simulator = begun("pickup_loc")
    simulator.instrs.desc.obj_poss = []
    assert levels.goal(simulator) == (0, 0)


@given(st.lists(st.sampled_from(levels.VOCABULARY), min_size=1, max_size=levels.WORDS))
def test_tokens_give_the_words_back(words):
    ids = levels.tokenize(" ".join(words))
    assert [levels.VOCABULARY[word - 1] for word in ids[: len(words)]] == words
    assert ids.shape == (levels.WORDS,) and not ids[len(words) :].any()


@pytest.mark.parametrize(
    ("mission", "complaint"),
    [
        ("go to the pink ball", "the word 'pink' of 'go to the pink ball' is unknown"),
        ("", "1 to 9 words, and '' has 0"),
        ("go " * 10, "1 to 9 words"),
    ],
)
def test_an_instruction_that_cannot_be_read_is_refused(mission, complaint):
    with pytest.raises(PipelineError, match=complaint):
        levels.tokenize(mission)


def test_an_unknown_level_is_refused_with_the_nearest_name():
    with pytest.raises(PipelineError, match="no level named 'go_to_local_s8n8'; did you mean go_to_local_s8n7?"):
        levels.make("go_to_local_s8n8")
    with pytest.raises(PipelineError, match="known: go_to_local_s7n5"):
        levels.play(RandomSteps(), "chess", [0])


def test_an_episode_does_not_depend_on_its_batch_mates():
    together = levels.play(RandomSteps(), "go_to_local_s7n5", [5, 6, 7, 8])
    for place, seed in enumerate([5, 6, 7, 8]):
        alone = levels.play(RandomSteps(), "go_to_local_s7n5", [seed])
        assert {name: values[place] for name, values in together.items()} == {name: values[0] for name, values in alone.items()}


class Bots:
    """BabyAI's bot in lockstep: it knows its simulators, which no policy should."""

    def __init__(self, level: str):
        self.level = level

    def reset(self, seeds):
        self.twins = [begun(self.level, seed) for seed in seeds]
        self.bots, self.last, self.seen = [BabyAIBot(twin) for twin in self.twins], [None] * len(seeds), []

    def act(self, views, alive):
        self.seen.append(alive.tolist())
        assert len(views) == len(alive)
        for episode in alive:
            self.last[episode] = int(self.bots[episode].replan(self.last[episode]))
            self.twins[episode].step(self.last[episode])
        return np.array([self.last[episode] for episode in alive])


@pytest.mark.parametrize("name", ["pickup_loc", "go_to_obj_maze_s4r2_closed", "go_to_obj_maze_s4_open"])
def test_the_bot_solves_every_episode_and_finished_ones_drop_out(name):
    ticks, policy = [], Bots(name)
    played = levels.play(policy, name, range(6), lambda: ticks.append(1))
    assert played["success"].all() and len(ticks) == 6
    for episode, length in enumerate(played["length"]):
        assert [episode in alive for alive in policy.seen] == [True] * length + [False] * (len(policy.seen) - length)
    limits = [begun(name, seed).max_steps for seed in range(6)]
    np.testing.assert_allclose(played["reward"], 1 - 0.9 * played["length"] / limits)


class Stands:
    """Turns left for ever."""

    def reset(self, seeds):
        pass

    def act(self, views, alive):
        return np.zeros(len(alive), dtype=int)


def test_an_episode_that_runs_out_of_time_is_not_solved():
    played = levels.play(Stands(), "go_to_obj_maze_s4r2_closed", [0, 1])
    assert played["length"].tolist() == [64, 64]
    assert not played["success"].any() and not played["reward"].any()
