"""The claims of the post and their verdicts: data and pure predicates over evidence.

A claim names the values that decide it, each a mean with its 95 % interval, and a predicate over them alone. The verdicts lie
in `_includes/claims.json`; a sentence of the post that asserts one names the claim and the verdict it states, and the page does
not build where that is no longer the verdict.
"""

from __future__ import annotations

import json

from pipeline import PipelineError, files
from pipeline.show import tabulate
from pipeline.show.attention_claims import ATTENTION
from pipeline.show.interventions import INTERVENTIONS
from pipeline.show.masking_claims import MASKING
from pipeline.show.matrix_claims import MATRICES
from pipeline.show.plan_claims import PLANS
from pipeline.show.predicates import (
    OPEN,
    Claim,
    Interval,
    Results,
)
from pipeline.show.registered import REGISTERED
from pipeline.show.score_claims import SCORES
from pipeline.show.twist_claims import TWISTS
from pipeline.statistics import verdicts

CLAIMS = (*SCORES, *ATTENTION, *PLANS, *REGISTERED, *INTERVENTIONS, *MATRICES, *TWISTS, *MASKING)
CONFIRMATORY = ("H1", "H2", "H3", "H4", "H5", "H6")  # corrected together
FIXED = "23143bc"  # the commit that wrote the rows of docs/predicates.md
# likewise, of rows opened since, by row
FIXED_LATER = {
    **dict.fromkeys((claim.row for claim in TWISTS), "a8b5c1e"),
    **dict.fromkeys(("S4", "L5"), "24f60b7"),
    "a6": "7241ac9",
    "c6": "db290e8",  # its reading
    "c7": "1f8b423",
    **dict.fromkeys(("e1", "e2"), "9196344"),
    **dict.fromkeys(("d5", "d6", "d7"), "2195385"),
}
# the commit that said how a row's sample goes on, after its first part had been judged
WENT_ON = {"c1": "d0762b1", **dict.fromkeys(("P1", "P3"), "81a3948")}
LEVEL = 0.05  # of p-values, above which a verdict is withheld

WRITTEN = {  # decimals, and whether in percent
    "score": (1, False),
    "return": (0, False),
    "share": (1, True),
    "solved": (1, True),
    "slope": (3, False),
    "ms": (1, False),
    "thousandths": (2, False),
    "nats": (2, False),
    "loss": (4, False),
    "total variation": (2, False),
}
UNITS = {
    "score": "points of score",
    "return": "points of return",
    "share": "of attention",
    "solved": "of episodes",
    "slope": "slope",
    "ms": "ms",
    "thousandths": "thousandths of full torque",
    "nats": "nats",
    "loss": "squared error",
    "total variation": "total variation",
}


def written(value: Interval, style: str, unit: str = "") -> str:
    """A value as tables and drawers write it: mean, interval if it has one, its unit if one is given, and n."""
    decimals, percent = WRITTEN[style]
    mean, low, high = (
        tabulate.percent(round(end, 6), decimals) if percent else tabulate.fixed(end, decimals)
        for end in (value.mean, value.low, value.high)
    )
    sign = "%" if percent else ""
    ends = f" ({low} to {high})" if value.low < value.high else ""
    count = f", n = {value.n} {value.over}" if value.n > 1 else f", {value.over}" if value.over else ""
    return " ".join(part for part in (f"{mean}{sign}{ends}", unit) if part) + count


def corrected(results: Results) -> dict[str, float]:
    """p-values of the confirmatory claims, by id, corrected together; those that are not judged yet count as well."""
    found = {claim.id: claim.surety(results).p for claim in CLAIMS if claim.row in CONFIRMATORY}
    return verdicts.holm(found, len(CONFIRMATORY))


def finding(claim: Claim, results: Results, adjusted: dict[str, float]) -> dict:
    """One claim with its measured values and its verdict, ready to be shown; the results that it reads are named.

    Args:
        adjusted: corrected p-values of those that are corrected, by id.
    """
    seen: set[str] = set()
    values = claim.read({kind: tabulate.Watched(content, kind, seen) for kind, content in results.items()})
    verdict = claim.judge(values, claim.margin)
    registered = {"row": claim.row, "commit": FIXED_LATER.get(claim.row, FIXED), "confirmatory": claim.row in CONFIRMATORY}
    if claim.row in WENT_ON:
        registered["went_on"] = WENT_ON[claim.row]
    if claim.surety:
        surety = claim.surety(results)
        p = adjusted.get(claim.id, surety.p)
        withheld = surety.rerun < verdicts.LEAST_RERUN or p > LEVEL
        verdict = OPEN if withheld else verdict
        registered |= {"p": tabulate.p_value(p), "rerun": f"{tabulate.percent(surety.rerun, 0)}%"}
    styles = dict(claim.styles)
    rows = {
        name: written(value, styles[name], UNITS[styles[name]]) if name in styles else written(value, claim.style)
        for name, value in values.items()
    }
    return {
        "sentence": claim.sentence,
        "verdict": verdict,
        "unit": UNITS[claim.style],
        "measured": {name: text for name, text in rows.items() if name not in claim.controls},
        "controls": {name: text for name, text in rows.items() if name in claim.controls},
        "predicate": claim.predicate,
        **({"registered": registered} if claim.row else {}),
        "reads": sorted(seen),
    }


def findings(results: Results) -> dict[str, dict]:
    """Every claim with its verdict, by id."""
    adjusted = corrected(results)
    return {claim.id: finding(claim, results, adjusted) for claim in CLAIMS}


def text(results: Results) -> str:
    """What the page reads.

    Raises:
        PipelineError: evidence that a claim reads is not there.
    """
    try:
        return json.dumps(findings(results), indent=1, ensure_ascii=False) + "\n"
    except KeyError as error:
        raise PipelineError(
            f"no claim can be judged: one reads {error.args[0]} of results/, which is not there: make it"
        ) from None


def current() -> bool:
    """Whether the kept verdicts are those that the results give."""
    try:
        return tabulate.VERDICTS.is_file() and tabulate.VERDICTS.read_text(encoding="utf-8") == text(tabulate.results())
    except PipelineError:
        return False


def write() -> None:
    """Judge every claim and write the verdicts whole."""
    tabulate.results.cache_clear()
    files.write_text(tabulate.VERDICTS, text(tabulate.results()))
