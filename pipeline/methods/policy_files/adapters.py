"""What policies in files have in common: anything that predicts becomes a policy, and what it does is checked."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline import PipelineError
from pipeline.worlds.world import find_world

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy.typing import ArrayLike

    from pipeline.study.own import OwnEvaluation


class Predicting:
    """A policy without history, of a function from observations (episode, observation) to actions (episode, action)."""

    def __init__(self, predict: Callable[[np.ndarray], np.ndarray]):
        self.predict = predict

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed; there is nothing to begin."""

    def act(self, observations: Float[np.ndarray, "episode observation"], rewards: Float[np.ndarray, " episode"]) -> ArrayLike:
        """What is predicted, which is to be actions (episode, action): `Checked` sees to it. Rewards are not looked at."""
        return self.predict(observations)


def of_predictor(predictor) -> Predicting:
    """A policy of anything with `predict(observations)`, which returns actions, or actions and a state that is passed over.

    Where `predict` takes `deterministic`, as Stable-Baselines3's does, the likeliest action is asked for.
    """
    takes = inspect.signature(predictor.predict).parameters
    told = {"deterministic": True} if "deterministic" in takes else {}

    def predict(observations: np.ndarray) -> np.ndarray:
        found = predictor.predict(observations, **told)
        return found[0] if isinstance(found, tuple) else found

    return Predicting(predict)


class Checked:
    """A policy whose actions are seen to be what the run's world takes; beyond [-1, 1] they are clipped to it.

    Raises:
        PipelineError: by `reset` and `act`: it fails, or gives actions of another shape or such as are not finite.
    """

    def __init__(self, policy, run: OwnEvaluation):
        self.policy, self.file, self.world = policy, run.file, find_world(run.environment)

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        attempt(self.file, self.policy.reset, seeds)

    def act(
        self, observations: Float[np.ndarray, "episode observation"], rewards: Float[np.ndarray, " episode"]
    ) -> Float[np.ndarray, "episode action"]:
        """Actions (episode, action) float32 in [-1, 1]; zeros where none was asked for, in episodes that are over."""
        playing = observations.any(axis=1, keepdims=True)  # of an episode that is over zeros are shown
        given = attempt(self.file, lambda: np.asarray(self.policy.act(observations, rewards), dtype=np.float32))
        wanted = (len(observations), self.world.action_dim)
        if given.shape != wanted:
            raise PipelineError(
                f"{self.file} gave actions of shape {given.shape} where {self.world.identifier} takes {wanted}: "
                "(episode, action)"
            )
        actions = np.where(playing, given, 0)
        if not np.isfinite(actions).all():
            raise PipelineError(f"{self.file} gave an action that is not finite")
        return np.clip(actions, -1, 1)


def attempt(file: str, call: Callable, *arguments):
    """What a call of others' code returns.

    Raises:
        PipelineError: it fails; the sentence says where and why.
    """
    try:
        return call(*arguments)
    except PipelineError:
        raise
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        where = f"{file}, line {lines[-1]}" if lines else file
        raise PipelineError(f"{where}: {type(error).__name__}: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """What an error says, as one line."""
    return (str(error).strip().splitlines() or ["no message"])[0]
