"""Claims about the matrix of worlds, logs, methods and seeds: rows M1 and M2 of `docs/predicates.md`."""

from __future__ import annotations

from pipeline.show.predicates import HOLDS, OPEN, Claim, Results, Values, above, named
from pipeline.study.suite import MATRIX

KEEPING = "10%BC less behavior cloning"
ASKING = "Decision Transformer less behavior cloning"


def over_cloning(results: Results) -> Values:
    """What asking, and what keeping the best tenth, gain over behavior cloning on the logs that cover returns."""
    values = results["matrix"][MATRIX.name]["values"]["gains"]["throttled"]
    logs = dict(MATRIX.kinds)["throttled"]
    return {
        label: named(values[method], len(logs) * MATRIX.trainings, "trainings of each")
        for label, method in ((ASKING, "dt"), (KEEPING, "bc10"))
    }


def asking(values: Values, margin: float) -> str:
    """Whether asking gains, where keeping the best tenth does."""
    return above(values[ASKING], margin) if above(values[KEEPING], margin) == HOLDS else OPEN


MATRICES = (
    Claim(
        "matrix-asking-pays",
        "Over three worlds whose logs cover returns, asking for the log's best scores above imitation",
        "score",
        over_cloning,
        "difference of interquartile means above 0, its mean above 2 points; does not hold within 2 points; not decided unless "
        "keeping the best tenth of the episodes gains as much",
        asking,
        MATRIX.smallest,
        (KEEPING,),
    ),
    Claim(
        "matrix-best-tenth-pays",
        "On these logs, cloning the best tenth of the episodes scores above cloning all",
        "score",
        lambda t: {KEEPING: over_cloning(t)[KEEPING]},
        "difference of interquartile means above 0, its mean above 2 points; does not hold within 2 points",
        lambda v, margin: above(v[KEEPING], margin),
        MATRIX.smallest,
    ),
)
