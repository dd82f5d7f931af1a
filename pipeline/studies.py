"""Runs beyond the post's: data that can be steered on, and what learns from them, with controls that could refuse a claim.

What each of them is to decide stands in `docs/predicates.md`. Their evidence is made by verbs of their own, so that what the
post rests on stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline import runs


@dataclass(frozen=True)
class LongBehaviour(runs.Behaviour):
    """The behaviour policy's training, gone on with to `maximum_steps`; every interval's policy is kept."""

    maximum_steps: int = 300_000


LONG = LongBehaviour("local_sac_halfcheetah_long")
