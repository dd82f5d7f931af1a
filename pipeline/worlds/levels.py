"""The six BabyAI levels on which LEAP was published, many episodes at once.

An agent in a grid of rooms follows an instruction such as "go to the red ball". Levels, instructions and the time given come
from minigrid (Chevalier-Boisvert et al. 2019, arXiv 1810.08272; minigrid/envs/babyai). Of the authors' mazes S4 and S7 have
**open** doors and only S4R2 has closed ones (hychen-naza/LEAP, which calls it `GoToObjMazeS4R2Close`); minigrid registers
them with closed doors alone, so those with open doors are registered here.

What a policy sees is the whole grid, not the agent's field of view; that is how LEAP was published.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches

import gymnasium
import minigrid  # noqa: F401 - registers BabyAI's levels
import numpy as np

from pipeline import PipelineError

ACTIONS = ("left", "right", "forward", "pickup", "drop", "toggle")  # minigrid's first six; its seventh, done, is never used
COLORS = ("red", "green", "blue", "purple", "yellow", "grey")
VOCABULARY = (
    *("go", "to", "pick", "up", "a", "the", *COLORS, "ball", "box", "key"),
    *("in", "front", "of", "behind", "you", "on", "your", "left", "right"),
)
WORDS = 9  # the longest instruction: pick up the red ball in front of you
SIZE = 19  # the side of the largest grid, three rooms of 7 by 7 that share walls; smaller ones lie in its corner
EMPTY = (1, 0, 0)  # minigrid's encoding of a cell that holds nothing


@dataclass(frozen=True)
class Level:
    """A level: its gymnasium id, the side of its grid in cells, and how LEAP's authors planned on it
    (hychen-naza/LEAP:test_run.sh): actions of a plan, and iterations by which it is refined.
    """

    name: str
    id: str
    size: int
    horizon: int
    iterations: int
    about: str


LEVELS = {
    level.name: level
    for level in (
        Level("go_to_local_s7n5", "BabyAI-GoToLocalS7N5-v0", 7, 5, 10, "one room, 5 objects"),
        Level("go_to_local_s8n7", "BabyAI-GoToLocalS8N7-v0", 8, 5, 10, "one larger room, 7 objects"),
        Level("pickup_loc", "BabyAI-PickupLoc-v0", 8, 5, 10, "one room, 8 objects, one to be picked up, told by its place too"),
        Level(
            "go_to_obj_maze_s4r2_closed", "BabyAI-GoToObjMazeS4R2-v0", 7, 5, 10, "2 by 2 rooms of 4, closed doors, one object"
        ),
        Level("go_to_obj_maze_s4_open", "LEAP-GoToObjMazeS4Open-v0", 10, 10, 30, "3 by 3 rooms of 4, open doors, one object"),
        Level("go_to_obj_maze_s7_open", "LEAP-GoToObjMazeS7Open-v0", 19, 10, 30, "3 by 3 rooms of 7, open doors, one object"),
    )
}


def register_open_mazes() -> None:
    """Register the mazes with open doors: minigrid's own GoTo, its own option."""
    for id, room_size in (("LEAP-GoToObjMazeS4Open-v0", 4), ("LEAP-GoToObjMazeS7Open-v0", 7)):
        if id not in gymnasium.registry:
            options = {"num_dists": 1, "room_size": room_size, "doors_open": True}
            gymnasium.register(id=id, entry_point="minigrid.envs.babyai:GoTo", kwargs=options)


register_open_mazes()


@dataclass(frozen=True)
class Views:
    """What is to be seen of many episodes at one moment; padding is 0 everywhere.

    images (episode, SIZE, SIZE, 3) uint8: object, color and state of each cell of the whole grid as minigrid encodes them, by
    column x and row y; the agent is not drawn. poses (episode, 3) int64: x, y and direction (0 right, 1 down, 2 left, 3 up).
    goals (episode, 2) int64: x and y of the object to reach, which an oracle tells; an honest agent leaves them alone.
    missions (episode, WORDS) int64: `tokenize`d instructions.
    """

    images: np.ndarray
    poses: np.ndarray
    goals: np.ndarray
    missions: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, selection) -> Views:
        return Views(*(getattr(self, field.name)[selection] for field in fields(self)))


def find(name: str) -> Level:
    """The level of that name.

    Raises:
        PipelineError: there is none; the sentence names the nearest.
    """
    if name not in LEVELS:
        near = get_close_matches(name, LEVELS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(LEVELS)}"
        raise PipelineError(f"there is no level named {name!r}; {hint}")
    return LEVELS[name]


def make(level: Level | str) -> gymnasium.Env:
    """One episode's simulator, without wrappers. Raises PipelineError for a level that is unknown."""
    level = find(level) if isinstance(level, str) else level
    return gymnasium.make(level.id, disable_env_checker=True).unwrapped


def reset(simulator: gymnasium.Env, seed: int) -> None:
    """Begin the episode of that seed; what minigrid prints about grids it has thrown away is swallowed."""
    with contextlib.redirect_stdout(io.StringIO()):
        simulator.reset(seed=seed)


def tokenize(mission: str) -> np.ndarray:
    """An instruction as ids (WORDS,) int64: a word's place in VOCABULARY plus one, then 0 to the end.

    Raises:
        PipelineError: a word is not in VOCABULARY, or the instruction is empty or has more than WORDS words.
    """
    words = mission.lower().split()
    unknown = [word for word in words if word not in VOCABULARY]
    if unknown:
        raise PipelineError(f"the word {unknown[0]!r} of {mission!r} is unknown; known words: {', '.join(VOCABULARY)}")
    if not 0 < len(words) <= WORDS:
        raise PipelineError(f"an instruction has 1 to {WORDS} words, and {mission!r} has {len(words)}")
    ids = [VOCABULARY.index(word) + 1 for word in words]
    return np.array(ids + [0] * (WORDS - len(ids)), dtype=np.int64)


def image(simulator: gymnasium.Env) -> np.ndarray:
    """The whole grid, (SIZE, SIZE, 3) uint8, by x and y."""
    grid = simulator.grid
    cells = [cell.encode() if cell else EMPTY for cell in grid.grid]
    canvas = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    canvas[: grid.width, : grid.height] = np.array(cells, dtype=np.uint8).reshape(grid.height, grid.width, 3).swapaxes(0, 1)
    return canvas


def goal(simulator: gymnasium.Env) -> tuple[int, int]:
    """Where (x, y) the object is that the instruction means; of several, the nearest to the agent by steps along the grid.

    Objects at one distance go by column, then row. Several fit in single rooms only: a maze holds one object. The authors keep
    the one nearest to the start, as the crow flies (hychen-naza/LEAP:mingpt/trainer_babyai.py). Where none is left, since a
    box goes when it is opened, the corner (0, 0) stands for it.
    """
    positions = simulator.instrs.desc.obj_poss or [(0, 0)]
    return min(positions, key=lambda position: sum(abs(np.subtract(position, simulator.agent_pos))))


def observe(simulators: Sequence[gymnasium.Env]) -> Views:
    """What is to be seen of each episode now."""
    return Views(
        np.stack([image(simulator) for simulator in simulators]),
        np.array([(*simulator.agent_pos, simulator.agent_dir) for simulator in simulators], dtype=np.int64),
        np.array([goal(simulator) for simulator in simulators], dtype=np.int64),
        np.stack([tokenize(simulator.mission) for simulator in simulators]),
    )


def play(policy, level: Level | str, seeds: Sequence[int], tick=lambda: None) -> dict[str, np.ndarray]:
    """Play one episode per seed, all in lockstep; an episode that ends drops out.

    Args:
        policy: anything with `reset(seeds)` and `act(views, alive) -> actions`: views of the episodes still played, and alive
            (playing,) int64, their places among the seeds; returns their actions (playing,), indices into ACTIONS.
        level: a level, or its name.
        seeds: one per episode; each seeds its grid and its policy's own randomness.
        tick: called once for each episode that ends, for progress.

    Returns:
        success (episode,) bool: the instruction was carried out in the time given; length (episode,) int64: actions taken;
        reward (episode,) float64: 1 - 0.9 · length / time given, or 0.

    Raises:
        PipelineError: the level is unknown.
    """
    simulators = [make(level) for _ in seeds]
    for simulator, seed in zip(simulators, seeds, strict=True):
        reset(simulator, seed)
    policy.reset(seeds)
    rewards, lengths = np.zeros(len(seeds)), np.zeros(len(seeds), dtype=np.int64)
    alive = np.arange(len(seeds))
    while len(alive):
        actions = policy.act(observe([simulators[episode] for episode in alive]), alive)
        ended = [step(simulators[episode], action, episode, rewards) for episode, action in zip(alive, actions, strict=True)]
        lengths[alive] += 1
        alive = alive[~np.array(ended)]
        for _ in range(sum(ended)):
            tick()
    return {"success": rewards > 0, "length": lengths, "reward": rewards}


def step(simulator: gymnasium.Env, action: int, episode: int, rewards: np.ndarray) -> bool:
    """Take one action, keep the episode's reward in `rewards`, and tell whether the episode is over."""
    _, rewards[episode], terminated, truncated, _ = simulator.step(int(action))
    return terminated or truncated
