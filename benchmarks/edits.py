"""What an edit of the code makes stale: a dozen that cannot change a value, a dozen that can.

python -m benchmarks.edits

Each is made in a copy of the code, and the digests of all results are compared with those of before: nothing is computed.
Printed are the results that are stale by it, of all that are made from code.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pipeline import files
from pipeline.evidence import recipes, source
from pipeline.graph import command


class Edit(NamedTuple):
    """What is done, in words; the file; the text replaced, which stands there once at least, and its replacement."""

    words: str
    file: str
    old: str
    new: str


def move(folder: Path) -> None:
    """Move the planner into a folder of its own, under another name, and have every importer follow."""
    (folder / "pipeline" / "search").mkdir()
    (folder / "pipeline" / "search" / "__init__.py").write_text('"""Search."""\n')
    (folder / "pipeline" / "methods/trajectory_transformer/planning.py").rename(folder / "pipeline" / "search" / "beams.py")
    for path in (folder / "pipeline" / "methods" / "trajectory_transformer").glob("*.py"):
        text = path.read_text(encoding="utf-8").replace("planning.", "beams.")
        text = text.replace("import discretization, planning\n", "import discretization\nfrom pipeline.search import beams\n")
        text = text.replace(
            "from pipeline.methods.trajectory_transformer import planning\n", "from pipeline.search import beams\n"
        )
        path.write_text(text.replace("from pipeline.methods.trajectory_transformer.planning", "from pipeline.search.beams"))


HARMLESS = (
    Edit(
        "an error reworded",
        "methods/trajectory_transformer/planning.py",
        "planning needs the discretizer the model was trained with",
        "planning wants the discretizer of the model",
    ),
    Edit("a docstring reworded", "worlds/environments.py", "One simulator.", "A simulator, one."),
    Edit("a comment added", "data/returns.py", "\ndef returns_to_go", "\n# G_t\ndef returns_to_go"),
    Edit(
        "a line broken",
        "measures/evaluate.py",
        "return -(-run.episodes // run.shard_episodes)",
        "return -(\n        -run.episodes // run.shard_episodes\n    )",
    ),  # fmt: skip # noqa: E501
    Edit("a type changed", "measures/evaluate.py", "shard: int) -> list[int]", "shard: object) -> object"),
    Edit(
        "an argument's type added",
        "measures/solve.py",
        "def play_shard(policy, run: Solving,",
        "def play_shard(policy: object, run: Solving,",
    ),
    Edit(
        "a help text reworded",
        "__main__.py",
        "play only the first shards of episodes",
        "how many shards of episodes",
    ),
    Edit("a verb's description reworded", "measures/solve.py", "count those solved", "count how many are solved"),
    Edit(
        "imports in another order",
        "measures/collect.py",
        "import numpy as np\nimport torch",
        "import torch\nimport numpy as np",
    ),
    Edit("a test for what a plan says reworded", "graph/plan.py", "results to make again", "results to be made again"),
    Edit(
        "what follows computed otherwise",
        "statistics/summaries.py",
        "np.std(returns, ddof=1)",
        "float(np.std(returns, ddof=1))",
    ),
)
REAL = (
    Edit("a sign", "data/returns.py", "+ discount * running", "- discount * running"),
    Edit(
        "a constant",
        "methods/trajectory_transformer/discretization.py",
        "np.diff(self.thresholds, axis=0) / 2",
        "np.diff(self.thresholds, axis=0) / 3",
    ),
    Edit("a learning-rate schedule", "learning/descent.py", "0.1 + 0.45", "0.2 + 0.40"),
    Edit(
        "the weight of the value in TD3+BC", "methods/td3_bc/model.py", "self.run.alpha / values", "2 * self.run.alpha / values"
    ),
    Edit("a return negated", "data/episodes.py", "return self.rewards.sum(axis=1", "return -self.rewards.sum(axis=1"),
    Edit("rounding to two digits", "evidence/records.py", "digits: int = 4", "digits: int = 2"),
    Edit("loaded weights scaled", "evidence/checkpoints.py", "    return model.eval()\n", "    return model.eval().float()\n"),
    Edit("a line of C", "methods/trajectory_transformer/decoding.c", "return", "  return"),
    Edit("a compiler's flag", "methods/trajectory_transformer/decoding.py", '"-O3"', '"-O2"'),
    Edit("a package that holds code", "methods/policies.py", "import importlib\n", "import importlib\n\nSEED = 1\n"),
    Edit("one thread made two", "__init__.py", '"OMP_NUM_THREADS", "1"', '"OMP_NUM_THREADS", "2"'),
    Edit("an attention pattern", "statistics/patterns.py", "ahead: int = 1", "ahead: int = 0"),
)


def copy(folder: Path) -> Path:
    """A copy of the code in a folder."""
    for name in ("pipeline", "figures"):
        shutil.copytree(files.ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def digests(folder: Path) -> dict[str, set[str]]:
    """The digests that each result depends on, by kind and name, by the code in a folder."""
    tree = source.Tree(folder)
    return {f"{each.kind}/{each.name}": set(tree.sources(each.modules).values()) for each in recipes.everything()}


def apply(edit: Edit, folder: Path) -> None:
    """Make an edit. Raises ValueError where the text is not there."""
    path = folder / "pipeline" / edit.file
    text = path.read_text(encoding="utf-8")
    if edit.old not in text:
        raise ValueError(f"{edit.file} does not hold {edit.old!r}")
    path.write_text(text.replace(edit.old, edit.new, 1), encoding="utf-8")


def stale_after(change: Callable[[Path], None]) -> set[str]:
    """The results whose digests differ after a change."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = copy(Path(temporary) / "code")
        before = digests(folder)
        change(folder)
        after = digests(folder)
    return {name for name in before if before[name] != after[name]}


def main() -> None:
    """Print the table."""
    print(f"of {len(recipes.everything())} results stale by")
    print(f"{len(stale_after(move)):5}  a module moved and renamed")
    for edit in (*HARMLESS, *REAL):
        stale = stale_after(lambda folder, edit=edit: apply(edit, folder))
        kinds = sorted({name.partition("/")[0] for name in stale})
        print(f"{len(stale):5}  {edit.words} (pipeline/{edit.file}){': ' if kinds else ''}{', '.join(kinds)}", flush=True)


if __name__ == "__main__":
    command.run(main)
