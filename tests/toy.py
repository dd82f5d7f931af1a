"""A toy of the whole project: the same code on runs so small that the road from data to tables takes seconds.

The toy is a copy of the project's code in a folder of its own. Two lines are added to it at the end of two files: shorter
episodes in `worlds/world.py`, smaller runs in `study/runs.py`. Everything else is the project as it stands.
"""

from __future__ import annotations

import compileall
import ctypes
import hashlib
import os
import py_compile
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import warm

ROOT = Path(__file__).resolve().parents[1]
CODE = ("pipeline", "figures", "wheel", "assets/wheel", "dodo.py", "hub.lock", "results/published.json")
OUTPUTS = ("checkpoints", "data", "results", "images", "_includes/tables", "build/reproduce/results")
PROBE = b"blat"  # what Python's tempfile writes into the system's temporary folder, to see whether it can, and removes
UNREPEATABLE = ("results/latency", "build/reproduce/results/latency")

STUDIES = """

EVALUATIONS = COMPARISONS = SOLVINGS = ROLLOUTS = FIGURES = BROWSER_EVALUATIONS = LATENCIES = ()
ATTENTION_BY_TRAINING = HIDDEN_KEYS = ()
QUANTILES, BEYOND = {}, {}
"""

EPISODES = """

from dataclasses import replace

WORLDS["HalfCheetah"] = replace(HALFCHEETAH, episode_steps=40)
"""

RUNS = """

BEHAVIOR = replace(BEHAVIOR, hidden_sizes=(8,))
MEDIUM = replace(MEDIUM, episodes=4, shard_episodes=2, contexts=2, context_length=5, contexts_from_last=4)
DECISION_TRANSFORMER = replace(
    DECISION_TRANSFORMER, context_length=5, hidden_size=16, layers=1, batch_size=4, held_out_episodes=1,
    updates=15, warmup_updates=2, interval_updates=5,
)
TRAJECTORY_TRANSFORMER = replace(
    TRAJECTORY_TRANSFORMER, bins=10, transitions=3, layers=1, heads=2, width=8, batch_size=2, held_out_episodes=1,
    updates=4, warmup_updates=1, interval_updates=2, further_updates=2,
)
TRAININGS, VALUE_TRAININGS, TRAJECTORY_TRAININGS = (DECISION_TRANSFORMER,), (), (TRAJECTORY_TRANSFORMER,)
TARGETS = (6000,)
WIDEST_SEARCH = replace(WIDEST_SEARCH, beams=2, horizon=2, context=1, episodes=2, shard_episodes=1)
EVALUATIONS = (
    Evaluation("local_random_halfcheetah", "random_actions", episodes=4, shard_episodes=2),
    replace(HEADLINE, episodes=4, shard_episodes=2),
    WIDEST_SEARCH,
)
POOLS, COMPARISONS = (Pool("local_toy", (HEADLINE.name,)),), (PairedDifference("local_toy", WIDEST_SEARCH.name, HEADLINE.name),)
LATENCIES = (replace(LATENCIES[0], actions=20, warmup_actions=5),)
ROLLOUTS = (Rollout(HEADLINE.name, HEADLINE.name, steps=40), Rollout(WIDEST_SEARCH.name, WIDEST_SEARCH.name, steps=12))
IMAGINATIONS = (replace(IMAGINATIONS[0], first_step=2),)
ANIMATIONS = ()
FIGURES = (
    Figure("RL"),
    Figure("dt_return_asked_got", ("datasets/local_halfcheetah_medium", "evaluations/local_dt_halfcheetah_6000")),
    Figure("loss_dt", ("training/local_dt_halfcheetah",)),
)
DEMONSTRATIONS = (replace(DEMONSTRATIONS[0], episodes=4, shard_episodes=2),)
LEAP_TRAININGS = (
    replace(
        LEAP_GOAL, data=(DEMONSTRATIONS[0].name,), hidden_size=16, layers=1, channels=8, batch_size=4, held_out_episodes=1,
        updates=4, warmup_updates=2, interval_updates=2,
    ),
)
SOLVINGS = (
    Solving("local_random_go_to_local_s7n5", "random_steps", LEVELS[0], episodes=4, shard_episodes=2),
    replace(SOLVINGS[0], iterations=2, episodes=4, shard_episodes=2),
)
REFININGS = (replace(REFININGS[0], level=LEVELS[0], horizon=2, iterations=3, episodes=2, listed=1),)
CONDITIONALS = (replace(CONDITIONALS[0], refining=REFININGS[0].name),)
PLAN_LATENCIES = (replace(PLAN_LATENCIES[0], level=LEVELS[0], iterations=2, plans=3, warmup_plans=1),)
MEMORIES = (replace(MEMORIES[0], warmup=1, moments=1),)
WALKS = (replace(WALKS[0], solving=SOLVINGS[1].name),)
BROWSER_EVALUATIONS = ()
GRID_ANIMATIONS = (replace(GRID_ANIMATIONS[0], tile=4),)
"""

TEMPLATES = {
    "scores": '| DT | {{ evaluations.local_dt_halfcheetah_6000["values"] | interval("return") }} |\n',
    "claims": '| looks at returns | {{ attention.local_dt_halfcheetah["values"].last_layer.return | share }} |\n',
}

BEHAVIOR = """
import torch
from pipeline import files
from pipeline.evidence import checkpoints, recipes, records
from pipeline.methods.soft_actor_critic.model import GaussianPolicyConfig, GaussianPolicyModel
from pipeline.study import runs
torch.manual_seed(0)
model = GaussianPolicyModel(GaussianPolicyConfig(17, 6, runs.BEHAVIOR.hidden_sizes))
checkpoints.write_model(files.ROOT / "checkpoints" / runs.BEHAVIOR.name, model, "A toy.")
records.write(recipes.BEHAVIORS[runs.BEHAVIOR.name], {"steps": 0, "curve": []})
"""


@dataclass(frozen=True)
class Toy:
    """A toy project in a folder of its own."""

    root: Path

    def words(self, *words: str) -> list[str]:
        """The command `python -m <words>`."""
        return [sys.executable, "-m", *words]

    def environment(self, **more: str) -> dict[str, str]:
        """Variables for a process in the toy: temporary files go below the toy, no byte code is written."""
        temporary = self.root / "tmp"
        temporary.mkdir(exist_ok=True)
        return {**os.environ, "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "", **more}

    def start(self, *words: str, **options) -> subprocess.Popen:
        """Start `python -m <words>` in the toy, in a process group of its own."""
        usual = {"env": self.environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(self.words(*words), cwd=self.root, start_new_session=True, **{**usual, **options})

    def run(self, *words: str, **options) -> subprocess.CompletedProcess:
        """Run `python -m <words>` in the toy to its end, whatever that is; with options, it loads its libraries itself."""
        if not options:
            return warm.server().run(list(words), self.root, self.environment())
        options = {"env": self.environment(), **options}
        return subprocess.run(self.words(*words), cwd=self.root, capture_output=True, text=True, check=False, **options)

    def make(self, *words: str) -> list[str]:
        """Run doit, which must succeed, and return the names of the tasks that ran, `plan` left out."""
        done = self.run("doit", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return [line.removeprefix(".  ") for line in done.stdout.splitlines() if line.startswith(".  ") and line != ".  plan"]

    def copy(self, folder: Path) -> Toy:
        """The same toy in another folder."""
        shutil.copytree(self.root, folder, symlinks=True, dirs_exist_ok=True)
        return Toy(folder)

    def snapshot(self) -> dict[str, str]:
        """SHA-256 of every output by its path, those left out that tell seconds."""
        found = (path for output in OUTPUTS for path in sorted((self.root / output).rglob("*")) if path.is_file())
        named = ((path.relative_to(self.root).as_posix(), path) for path in found)
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in named if not name.startswith(UNREPEATABLE)
        }

    def leftovers(self) -> list[str]:
        """Files that a finished run should not have left: temporaries anywhere, and unfinished work.

        A process killed while it compiled leaves what compilers do, in the system's temporary folder and nowhere else.
        """
        temporaries = [path for path in self.root.rglob("*") if ".part" in path.name]
        places = ("build/work", "build/training", "build/reproduce/work", "tmp")
        work = [path for place in places for path in (self.root / place).rglob("*") if path.is_file()]
        compiled = {path for path in (self.root / "tmp").rglob("*") if re.fullmatch(r"decoding\.o|cc\w{6}\.\w+", path.name)}
        ours = (path for path in {*temporaries, *work} - compiled if path.read_bytes() != PROBE)
        return sorted({path.relative_to(self.root).as_posix() for path in ours})

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that a file of the toy holds exactly once."""
        text = (self.root / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} holds {old!r} {text.count(old)} times"
        (self.root / name).write_text(text.replace(old, new))


def build(folder: Path, behavior: bool = True) -> Toy:
    """The toy's code with an untrained behavior policy, unless not wanted, and nothing collected, trained or played yet."""
    for name in CODE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy(
            ROOT / name, folder / name, **({"ignore": shutil.ignore_patterns("__pycache__")} if copy is shutil.copytree else {})
        )
    for name, more in (
        ("worlds/world", EPISODES),
        ("study/runs", RUNS),
        ("study/studies", STUDIES),
        ("study/twists", "\nCOLLECTIONS = STITCHING = STEADY = LUCKY = EFFECTS = FIGURES = ()\n"),
        ("study/masking", "\nMASKED = EFFECTS = ()\n"),
        ("study/suite", "\nBEHAVIORS = LOGS = SMALL = COMPARISONS = FIGURES = ()\n"),
        ("show/claims", "\nCLAIMS = ()\n"),
    ):
        with open(folder / "pipeline" / f"{name}.py", "a", encoding="utf-8") as file:
            file.write(more)
    (folder / "templates").mkdir()
    for name, text in TEMPLATES.items():
        (folder / "templates" / f"{name}.md.j2").write_text(text)
    for name in (
        "pipeline",
        "figures",
    ):  # byte code that holds for copies too, whatever their clocks say, until a file is edited
        compileall.compile_dir(folder / name, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    toy = Toy(folder)
    if not behavior:
        return toy
    done = subprocess.run(
        [sys.executable, "-c", BEHAVIOR], cwd=folder, env=toy.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return toy


def without_privilege() -> None:
    """Give up root's right to write where permissions forbid it, so that a test means the same for every user.

    To be called in the process that a test starts, before its program (`preexec_fn`).
    """
    drop_from_bounding_set, override_permissions = 24, 1  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE
    ctypes.CDLL(None).prctl(drop_from_bounding_set, override_permissions)


def assert_one_sentence(done: subprocess.CompletedProcess, *parts: str) -> None:
    """A verb failed as it should: exit code 1, one line that begins with `error:` and holds every part, no traceback."""
    complaints = [line for line in done.stderr.splitlines() if line.strip() and "%|" not in line]
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(complaints) == 1 and complaints[0].startswith("error: "), done.stderr
    for part in parts:
        assert part in complaints[0], f"{part!r} is not in {complaints[0]!r}"
