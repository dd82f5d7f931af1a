"""What every run has: a name, fields, and how its evidence is made.

A run is a frozen dataclass, whose fields are written into its evidence. How that is made stands in its class: the kind (its
folder below `results/`), the verb (the module that makes it), where the source that matters begins, what is read and written,
the runs that it plays, and about how long it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

ENVIRONMENT = "HalfCheetah-v4"  # in `pipeline.worlds.world`, as all that is played
ON = "_on_"  # parts a run's name from the dataset that it, or its checkpoint, learned from in place of its own (`--data`)
FURTHER = "further_"  # begins the names of what a training is told when it goes on with a checkpoint

POLICIES = {  # where those are that runs call otherwise than their method's folder
    "behaviour": "soft_actor_critic.policy",
    "behaviour_mode": "soft_actor_critic.mode",
    "decision_transformer_ablated": "decision_transformer.ablated",
    "decision_transformer_averaged": "decision_transformer.averaged",
    "deterministic": "perceptron.policy",
    "grid_cloning": "leap.cloned",
    "leap_causal": "leap.causal",
    "leap_drafts": "leap.drafted",
    "listener": "soft_actor_critic.listener",
    "onnx_file": "policy_files.onnx_file",
    "python_file": "policy_files.python_file",
    "return_conditioned": "return_conditioned_cloning.policy",
    "stable_baselines_file": "policy_files.stable_baselines",
    "torchscript_file": "policy_files.torchscript",
    "trajectory_transformer_revised": "trajectory_transformer.revised",
    "trajectory_transformer_scored": "trajectory_transformer.policy",
    "trajectory_transformer_valued": "trajectory_transformer.valued",
}
WRITER = "pipeline.graph.making"  # writes what a verb found
TRAIN = "pipeline.learning.train"
FLOAT32, FLOAT16 = "pipeline.learning.loop", "pipeline.learning.float16"  # which write results, weights kept as that


def checkpoint_files(name: str | None, method: str = "") -> tuple[str, ...]:
    """The files of a checkpoint that decide what it computes."""
    files = ["config.json", "model.safetensors"] + ["discretizer.safetensors"] * method.startswith("trajectory_transformer")
    return tuple(f"checkpoints/{name}/{file}" for file in files) if name else ()


def contexts_file(name: str) -> str:
    """The fixed contexts of that name."""
    return f"checkpoints/contexts/{name}.safetensors"


ARRAYS = "results/{run.kind}/{run.name}.npz"  # beside evidence


def results(kind: str, *names: str) -> tuple[str, ...]:
    """The files of evidence of one kind."""
    return tuple(f"results/{kind}/{name}.json" for name in names)


@dataclass(frozen=True)
class Run:
    """A run; `find(kind, name)`, which several of its methods are given, is the run of that evidence."""

    name: str

    kind: ClassVar[str]
    verb: ClassVar[str]
    plays: ClassVar[tuple[str, str] | None] = None  # the kind of the run that it plays, and the field that names it
    also_reads: ClassVar[tuple[str, ...]] = ()  # files whose bytes matter beside the checkpoint of what is played
    writes: ClassVar[tuple[str, ...]] = ()  # files made beside the evidence
    cost: ClassVar[float] = 2  # about how many seconds it takes on one core
    says: ClassVar[str] = "{run.name}"  # one line for `doit list --all`, of the run, what is `played`, and its method

    def holds(self, find: Find) -> tuple[Run, ...]:
        """The runs that it plays, whose fields matter as its own: the one that it names, what that one plays, and so on."""
        if self.plays is None:
            return ()
        kind, field = self.plays
        held = find(kind, getattr(self, field))
        return (held, *held.holds(find))

    def played(self, find: Find) -> Run:
        """The run whose policy acts."""
        return (self, *self.holds(find))[-1]

    @property
    def policy(self) -> str:
        """The module of the policy that acts, in its method's folder."""
        return f"pipeline.methods.{POLICIES.get(self.method, f'{self.method}.policy')}"

    def modules(self, find: Find) -> tuple[str, ...]:
        """Where the source that matters begins: at the verb, at the policy that acts, and at what writes the result."""
        played = self.played(find)
        return (self.verb, played.policy, WRITER) if hasattr(played, "method") else (self.verb, WRITER)

    def inputs(self, find: Find) -> tuple[str, ...]:
        """The files, from the repository's folder, whose bytes matter."""
        played = self.played(find)
        checkpoint = checkpoint_files(getattr(played, "checkpoint", None), getattr(played, "method", ""))
        return (*checkpoint, *(name.format(run=self) for name in self.also_reads))

    def outputs(self) -> tuple[str, ...]:
        """The files made beside the evidence."""
        return tuple(name.format(run=self) for name in self.writes)

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return self.cost

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        played = self.played(find)
        return self.says.format(run=self, played=played, method=getattr(played, "method", "").replace("_", " "))


Find = Callable[[str, str], Run]


def seeds(base, count: int) -> tuple:
    """A training repeated with seeds 0 to `count` - 1, in names that end in `_s0`, `_s1`, ..."""
    return tuple(replace(base, name=f"{base.name.removesuffix('_s0')}_s{seed}", seed=seed) for seed in range(count))
