"""What is drawn, and what the reader's browser plays: kinds of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.study.run import Find, Run


@dataclass(frozen=True)
class Picture(Run):
    """What is drawn from evidence."""

    kind: ClassVar[str] = "pictures"

    def modules(self, find: Find) -> tuple[str, ...]:
        """The verb alone: nothing acts."""
        return (self.verb,)

    def drawn_from(self) -> tuple[str, ...]:
        """Evidence, as kind/name."""
        return ()

    def inputs(self, find: Find) -> tuple[str, ...]:
        """That evidence, as files, each with the arrays beside it."""
        found = [find(*name.split("/")) for name in self.drawn_from()]
        arrays = [[output for output in run.outputs() if output.endswith(".npz")] for run in found]
        return tuple(
            file for name, more in zip(self.drawn_from(), arrays, strict=True) for file in (f"results/{name}.json", *more)
        )


@dataclass(frozen=True)
class Animation(Picture):
    """Rollouts drawn by the simulator, one above the other; one frame makes a still picture. Played at the world's
    control rate.
    """

    verb: ClassVar[str] = "pipeline.show.animate"

    rollouts: tuple[str, ...]
    labels: tuple[str, ...] = ()
    first_step: int = 100  # at running speed; of a film what `pipeline.show.windows.fairest` chooses
    frames: int = 80  # 4 s: motion beyond 5 s would need controls (WCAG 2.2.2)
    width: int = 460
    height: int = 144

    def holds(self, find: Find) -> tuple[Run, ...]:
        """The rollouts, each with the evaluation that it plays."""
        rolled = [find("rollouts", name) for name in self.rollouts]
        return tuple(held for run in rolled for held in (run, *run.holds(find)))

    def drawn_from(self) -> tuple[str, ...]:
        """The rollouts."""
        return tuple(f"rollouts/{name}" for name in self.rollouts)

    def outputs(self) -> tuple[str, ...]:
        """A still; or a moving picture, a poster for readers who want no motion, and the poses that the page draws."""
        film = (f"images/{self.name}.gif", f"images/{self.name}_poster.png", f"assets/films/{self.name}.js")
        return (f"images/{self.name}.png",) if self.frames == 1 else film

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return 30 if self.frames > 1 else 5

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        return "rendered from " + ", ".join(self.rollouts)


@dataclass(frozen=True)
class GridAnimation(Picture):
    """A walk drawn on the grid, with what is left of the plan."""

    verb: ClassVar[str] = "pipeline.show.animate_grid"
    plays: ClassVar[tuple[str, str]] = ("walks", "walk")
    writes: ClassVar[tuple[str, ...]] = ("images/{run.name}.gif", "images/{run.name}_poster.png")
    cost: ClassVar[float] = 5
    says: ClassVar[str] = "drawn from {run.walk}"

    walk: str
    tile: int = 20  # pixels

    def drawn_from(self) -> tuple[str, ...]:
        """The walk."""
        return (f"walks/{self.walk}",)


@dataclass(frozen=True)
class Figure(Picture):
    """A picture drawn by `figures/<name>.py` from evidence named `kind/name`."""

    cost: ClassVar[float] = 4

    reads: tuple[str, ...] = ()
    form: str = "svg"  # or png, for readers elsewhere
    phone: bool = True  # drawn a second time, for a phone
    pixels: bool = False  # around a PNG of its own

    @property
    def verb(self) -> str:
        """Its script."""
        return f"figures.{self.name}"

    def drawn_from(self) -> tuple[str, ...]:
        """All evidence that it reads."""
        return self.reads

    def inputs(self, find: Find) -> tuple[str, ...]:
        """The style, and that evidence."""
        return ("figures/post.mplstyle", *super().inputs(find))

    def outputs(self) -> tuple[str, ...]:
        """The picture, the one for a phone, and the pixels that they are drawn around."""
        drawn = tuple(f"images/{self.name}{end}.{self.form}" for end in ("", "_narrow")[: 1 + self.phone])
        return (*drawn, *([f"images/{self.name}.png"] if self.pixels else []))

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        return "drawn from " + (", ".join(self.reads) or "nothing but itself")


@dataclass(frozen=True)
class BrowserEvaluation(Run):
    """Episodes of a driver of assets/wheel/drivers.json, from the seeds' start states, as the reader's browser plays them.

    The name is that of the evaluation whose model it is.
    """

    kind: ClassVar[str] = "wheel"
    verb: ClassVar[str] = "pipeline.wheel.play"
    plays: ClassVar[tuple[str, str]] = ("evaluations", "name")
    says: ClassVar[str] = "{run.episodes} episodes of {run.driver} as the reader's browser plays them"

    driver: str
    engine: str = "@mujoco/mujoco 3.14.0"  # as package.json pins it
    episodes: int = 10
    first_seed: int = 100

    def modules(self, find: Find) -> tuple[str, ...]:
        """The verb alone: the models are those of the page."""
        return (self.verb,)

    def inputs(self, find: Find) -> tuple[str, ...]:
        """The page's files, and the checkpoint."""
        own = BROWSER_FILES[self.played(find).method]
        return (*(f"assets/wheel/{file}" for file in (*SIMULATOR_FILES, *own)), *NODE_FILES, *super().inputs(find))

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return self.episodes * {"decision_transformer": 4, "trajectory_transformer": 60}.get(self.played(find).method, 1)


SIMULATOR_FILES = (
    "drivers.js",
    "half_cheetah.js",
    "half_cheetah.xml",
    "kernel.js",
    "packing.js",
    "safetensors.js",
    "session.js",
    "starts.json",
)  # of every episode, below assets/wheel/
BROWSER_FILES = {
    "decision_transformer": ("policies/decision_transformer.js", "policies/deterministic.js", "decision_transformer.wasm"),
    "deterministic": ("policies/deterministic.js", "perceptron.wasm"),
    "trajectory_transformer": (
        "policies/trajectory_transformer.js",
        "planning.js",
        "decoding.js",
        "discretization.js",
        "random.js",
        "trajectory_transformer.wasm",
    ),
}  # of a method's
NODE_FILES = ("wheel/node.mjs", "wheel/play.mjs")
