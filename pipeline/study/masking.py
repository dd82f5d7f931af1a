"""LEAP trained several times, with one action hidden at a time and with any number: what its plans hang on.

What each of them is to decide stands in `docs/predicates.md`. The weights are not kept: a run trains, plans, plays, and tells.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from pipeline.methods.leap.settings import LeapTraining
from pipeline.study import babyai
from pipeline.study.comparisons import Comparison
from pipeline.study.run import WRITER, Find, Run, results, seeds


@dataclass(frozen=True)
class MaskedTraining(LeapTraining):
    """LEAP's, with how many actions of a plan are hidden at once: one, as published, or any number."""

    teacher: ClassVar[str] = "pipeline.methods.leap.masking"

    masked: str = "one"


@dataclass(frozen=True)
class MaskedRun(Run):
    """A LEAP trained on demonstrations, and its plans on grids of one level: their energy, what they solve, where it looks."""

    kind: ClassVar[str] = "masked"
    verb: ClassVar[str] = "pipeline.measures.train_and_plan"
    says: ClassVar[str] = "LEAP trained with {run.training.masked} hidden, and its plans on {run.level}"

    training: MaskedTraining
    level: str
    episodes: int = 200
    shard_episodes: int = 50
    first_seed: int = 1000

    @property
    def data(self) -> tuple[str, ...]:
        """The demonstrations that it learns from."""
        return self.training.data

    def modules(self, find: Find) -> tuple[str, ...]:
        """The verb, what prepares the training, and what writes the result."""
        return (self.verb, self.training.teacher, WRITER)

    def inputs(self, find: Find) -> tuple[str, ...]:
        """What is known of the demonstrations."""
        return results("datasets", *self.data)

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return 0.4 * self.training.updates + 100


@dataclass(frozen=True)
class TrainingsEffect(Comparison):
    """How much more of a quantity trainings have than others of the same seeds, or than themselves have of another quantity.

    ones, others: runs of kind `masked`. quantity, other_quantity: paths into their values. smallest: the smallest effect of
    interest.
    """

    kind: ClassVar[str] = "effects"
    of: ClassVar[str] = "masked"
    evaluations: ClassVar[tuple[str, ...]] = ()  # of checkpoints: none

    ones: tuple[str, ...]
    others: tuple[str, ...]
    quantity: str
    other_quantity: str
    smallest: float

    def compared(self) -> tuple[str, ...]:
        """Their names, each once."""
        return tuple(dict.fromkeys((*self.ones, *self.others)))

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        return f"difference over {len(self.ones)} trainings: {self.quantity} less {self.other_quantity}"


LEVEL = "go_to_local_s8n7"  # whose drafts and sweeps the post takes apart
UPDATES = 1500  # of the post's own 5,000: a short recipe, as that of the Decision Transformer's trainings
_leap = {field.name: getattr(babyai.LEAP_GOAL, field.name) for field in fields(babyai.LEAP_GOAL)}


def trainings(masked: str, name: str) -> tuple[MaskedRun, ...]:
    """Three trainings of the post's own LEAP, given the goal, with so many actions hidden at once."""
    base = MaskedTraining(**{**_leap, "name": name, "updates": UPDATES}, masked=masked)
    return tuple(MaskedRun(training.name, training, LEVEL) for training in seeds(base, 3))


ONE, ANY = trainings("one", "local_leap_one_mask"), trainings("any", "local_leap_any_masks")
MASKED = (*ONE, *ANY)
_one, _any = (tuple(run.name for run in runs) for runs in (ONE, ANY))


def share(way: str) -> str:
    """Where the share is that a training's plans solve, made in a way of `pipeline.measures.train_and_plan`."""
    return f"solved.{way}.share.mean"


_points = 0.05  # of episodes
EFFECTS = (
    TrainingsEffect("leap_fillings", _any, _one, "energy.mean", "energy.mean", 5.0),
    TrainingsEffect("leap_one_hidden", _any, _one, "held_out_loss", "held_out_loss", 0.05),
    TrainingsEffect("leap_fillings_solve", _any, _one, share("masks_0"), share("masks_0"), _points),
    TrainingsEffect("leap_later_hidden", _one, _one, share("later_hidden"), share("random_8"), _points),
    TrainingsEffect("leap_earlier_hidden", _one, _one, share("earlier_hidden"), share("random_8"), _points),
    TrainingsEffect(
        "leap_later_moves", _one, _one, "influence.later_actions.mean", "influence_untrained.later_actions.mean", 0.1
    ),
    TrainingsEffect("leap_drafts_unswept", _one, _one, share("left_to_right_0"), share("masks_0"), _points),
    TrainingsEffect("leap_drafts_swept", _one, _one, share("masks_8"), share("left_to_right_8"), _points),
)
