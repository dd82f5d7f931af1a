"""Claims: every predicate on made-up evidence that fulfils it, that refutes it, and that cannot tell."""

import json
import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import PipelineError, files
from pipeline.show import (
    attention_claims,
    claims,
    masking_claims,
    matrix_claims,
    predicates,
    registered_values,
    score_claims,
    tabulate,
    twist_claims,
)
from pipeline.show.predicates import FAILS, HOLDS, IN_PART, OPEN, Interval, Surety

CLAIMS = {claim.id: claim for claim in claims.CLAIMS}


def about(mean: float, half: float = 0.0, n: int = 20) -> Interval:
    """An interval by its mean and half width."""
    return Interval(mean, mean - half, mean + half, n)


def all_of(claim: str, difference: Interval) -> dict[str, Interval]:
    """The same difference under every name that a claim on several levels or settings reads."""
    return dict.fromkeys(claims.finding(CLAIMS[claim], tabulate.results(), {})["measured"], difference)


GAIN, NOTHING, LOSS, UNCLEAR = about(0.2, 0.05), about(0.0, 0.02), about(-0.2, 0.05), about(0.03, 0.06)
LAYERS = ("layer 1", "layer 2", "layer 3")

BY_CHANCE = dict.fromkeys(registered_values.UNCHOSEN, about(-0.2, 0.6))
UNSWEPT = dict.fromkeys(registered_values.compared_drafts(0), LOSS)
SWEPT = tuple(registered_values.compared_drafts(1, 8))


def heads(share: float) -> dict[str, Interval]:
    """Attention of which every head and the last layer give the same share to a pattern."""
    everywhere = dict.fromkeys(("last layer", "head with least", "head with most"), about(share, 0.01))
    return everywhere | {"untrained": about(0.11, 0.01), "uniform": about(0.11)}


def stitching(score: Interval) -> dict[str, Interval]:
    """A score less the log's best episode's, beside a control that lets it be decided."""
    return {"score": score, twist_claims.STITCHES: about(9, 1)}


def gambling(more: Interval) -> dict[str, Interval]:
    """How many more episodes gamble, where few do that are asked for the safe return."""
    return {"more": more, twist_claims.SAFE: about(0.02, 0.02)}


def filling(difference: Interval) -> dict[str, Interval]:
    """A difference of two ways of training, which tell held-out plans as well."""
    return {"difference": difference, masking_claims.HELD_OUT: about(-0.05, 0.2)}


def on_a_better_half(difference: Interval) -> dict[str, Interval]:
    """What asking brings on a log of which cloning the best tenth pays."""
    return {"asking": difference, twist_claims.TENTH: about(9, 1)}


MADE_UP = {  # claim: evidence that fulfils it; evidence that refutes it
    # a model that does as it is told, and one whose returns were shuffled over episodes
    "dt-obeys": (
        {"all": about(1.0, 0.1), "inside": about(1.06, 0.09), "beyond": about(0.9, 0.2)},
        dict.fromkeys(("all", "inside", "beyond"), about(0.0, 0.03)),
    ),
    "dt-beyond-data": (
        {"target": about(6000), "best recorded episode": about(4857)},
        {"target": about(3600), "best recorded episode": about(4857)},
    ),
    "tt-beyond-data": ({"difference": about(260, 50)}, {"difference": about(0, 50)}),
    "dt-above-recorder": ({"difference": about(1.7, 0.9)}, {"difference": about(-39, 1)}),
    "dt-above-cloning": ({"difference": about(2, 0.5)}, {"difference": about(0, 0.3)}),
    "best-tenth-pays": ({"difference": about(2, 0.5)}, {"difference": about(0.1, 0.3)}),
    "recorder-without-noise": ({"difference": about(1.7, 0.8)}, {"difference": about(0, 0.4)}),
    "value-pays": ({"difference": about(4, 1)}, {"difference": about(-4, 1)}),
    "value-above-search": ({"difference": about(1.5, 1)}, {"difference": about(-1.5, 1)}),
    "held-out-lowest": (
        {"at the end": about(0.0257), "lowest": about(0.0257)},
        {"at the end": about(0.03), "lowest": about(0.0257)},
    ),
    "tt-search-pays": ({"difference": about(300, 90)}, {"difference": about(0, 50)}),
    "tt-wider": ({"difference": about(260, 80)}, {"difference": about(0, 50)}),
    "tt-one-beam": ({"difference": about(200, 80)}, {"difference": about(0, 50)}),
    "tt-longer": ({"difference": about(300, 100)}, {"difference": about(-300, 100)}),
    "tt-above-dt": ({"difference": about(2.6, 0.8)}, {"difference": about(0, 0.4)}),
    "tt-untrained": ({"difference": about(20, 1)}, {"difference": about(-1.4, 1)}),
    "tt-values-guessed": (
        {"guessing": about(4.6), "held-out loss of the value token": about(4.5)},
        {"guessing": about(4.6), "held-out loss of the value token": about(3)},
    ),
    "matrix-asking-pays": (
        {matrix_claims.ASKING: about(7, 1), matrix_claims.KEEPING: about(9, 1)},
        {matrix_claims.ASKING: about(0, 1), matrix_claims.KEEPING: about(9, 1)},
    ),
    # rows on stitching and luck: each with a control that lets it be decided
    "dt-stitches": (stitching(about(5, 1)), stitching(about(-5, 1))),
    "dt-begins-worse": (
        {"first half": about(400, 50), twist_claims.BEGINS_BETTER: about(-900, 50)},
        {"first half": about(-400, 50), twist_claims.BEGINS_BETTER: about(-900, 50)},
    ),
    "bc-stitches": (stitching(about(5, 1)), stitching(about(0, 0.3))),
    "dt-gambles": (gambling(about(0.9, 0.05)), gambling(about(0.0, 0.1))),
    "rvs-stitches": (stitching(about(5, 1)), stitching(about(-5, 1))),
    "rvs-gambles": (gambling(about(0.9, 0.05)), gambling(about(0.0, 0.1))),
    "dt-gambling-costs": (
        {"less": about(5, 2), "more that gamble": about(0.9, 0.05), twist_claims.SAFE: about(0.02, 0.02)},
        {"less": about(-5, 2), "more that gamble": about(0.9, 0.05), twist_claims.SAFE: about(0.02, 0.02)},
    ),
    "dt-gambles-for-less": (gambling(about(0.9, 0.05)), gambling(about(-0.1, 0.05))),
    "better-half-asking-pays": (on_a_better_half(about(9, 2)), on_a_better_half(about(1, 2))),
    "better-half-asking-as-tenth": (on_a_better_half(about(-0.5, 1)), on_a_better_half(about(-6, 2))),
    "values-leave-luck-alone": (
        {"less": about(0.5, 0.1), twist_claims.TENTH: about(0.4, 0.1)},
        {"less": about(0.0, 0.1), twist_claims.TENTH: about(0.4, 0.1)},
    ),
    # rows on LEAP by trainings
    "leap-one-mask-fails": (filling(about(8, 2)), filling(about(-8, 2))),
    "leap-later-guide": (
        {"later": about(0.1, 0.04), masking_claims.EARLIER: about(0.4, 0.1)},
        {"later": about(0.0, 0.04), masking_claims.EARLIER: about(0.4, 0.1)},
    ),
    "leap-heeds-future-trained-anew": ({"moved": about(0.3, 0.1)}, {"moved": about(0.0, 0.1)}),
    "leap-better-draft-ends-worse": (
        {"swept": about(0.1, 0.04), masking_claims.UNSWEPT: about(0.4, 0.1)},
        {"swept": about(-0.1, 0.04), masking_claims.UNSWEPT: about(0.4, 0.1)},
    ),
    "leap-any-masks-fill": (filling(about(0.5, 0.1)), filling(about(-0.5, 0.1))),
    "matrix-best-tenth-pays": ({matrix_claims.KEEPING: about(9, 1)}, {matrix_claims.KEEPING: about(0, 1)}),
    # attention on returns in every layer; an untrained network's, which is uniform
    "dt-attention-returns": (
        dict.fromkeys(LAYERS, about(0.6, 0.02)) | {"uniform": about(0.357)},
        dict.fromkeys(LAYERS, about(0.358, 0.001)) | {"uniform": about(0.357)},
    ),
    "dt-attention-last-layer": (
        {"layer 3": about(0.17, 0.01), "uniform": about(0.357)},
        {"layer 3": about(0.36, 0.01), "uniform": about(0.357)},
    ),
    "dt-return-moves-action": (
        {"returns swapped": about(87, 10), "states swapped": about(400, 50)},
        {"returns swapped": about(0.9, 0.2), "states swapped": about(890, 100)},
    ),
    "dt-one-token": (
        {"latest state swapped": about(890, 100), "all but latest state swapped": about(6, 2)},
        {"latest state swapped": about(890, 100), "all but latest state swapped": about(400, 50)},
    ),
    "tt-band": (heads(0.5), heads(0.11)),
    "tt-stripes": (heads(0.5), heads(0.11)),
    "leap-even": (
        {"later actions": about(0.22, 0.01), "earlier actions": about(0.23, 0.01), "uniform": about(0.225)},
        {"later actions": about(0.11, 0.01), "earlier actions": about(0.14, 0.01), "uniform": about(0.225)},
    ),
    "leap-heeds-future": (
        {"trained": about(0.3, 0.03), "untrained": about(0.0)},
        {"trained": about(0.01, 0.01), "untrained": about(0.0)},
    ),
    "dt-real-time": ({"clock": about(50), "95th percentile": about(4)}, {"clock": about(50), "95th percentile": about(60)}),
    "tt-real-time": ({"clock": about(50), "median": about(20)}, {"clock": about(50), "median": about(190)}),
    "stable": (
        {"sd, ours": about(0.1), "sd, theirs": about(0.4), "sd, third": about(0.4)},
        {"sd, ours": about(0.4), "sd, theirs": about(0.1), "sd, third": about(0.4)},
    ),
    "leap-refining-helps": (
        {"given: gain": GAIN, "not given: gain": GAIN},
        {"given: gain": NOTHING, "not given: gain": NOTHING},
    ),
    "leap-draft-above-random": ({"difference": GAIN}, {"difference": LOSS}),
    "leap-more-revisions": ({"difference": GAIN}, {"difference": NOTHING}),
    "leap-gibbs": (all_of("leap-gibbs", GAIN), all_of("leap-gibbs", NOTHING)),
    "leap-untrained": ({"difference": GAIN}, {"difference": LOSS}),
    "leap-keeping-plans": (all_of("leap-keeping-plans", GAIN), all_of("leap-keeping-plans", LOSS)),
    "leap-goal-given": (all_of("leap-goal-given", GAIN), all_of("leap-goal-given", NOTHING)),
    "leap-above-published": (
        {"ours": about(0.62, 0.06), "published": about(0.425)},
        {"ours": about(0.2, 0.06), "published": about(0.425)},
    ),
    "causal-above-leap": (all_of("causal-above-leap", GAIN), all_of("causal-above-leap", LOSS)),
    "causal-behind-doors": ({"difference": GAIN}, {"difference": LOSS}),
    # a model that obeys beside one that does not hear; and one that is deaf
    "dt-obeys-wide": (
        {"slope": about(0.9, 0.1), "returns shuffled": about(0.0, 0.03)},
        {"slope": about(0.0, 0.03), "returns shuffled": about(0.0, 0.03)},
    ),
    "dt-obeys-replay": (
        {"slope": about(0.9, 0.1), "log": about(4828)},
        {"slope": about(0.0, 0.03), "log": about(4828)},
    ),
    "dt-deaf-shuffled": (
        {"slope": about(0.0, 0.03), "score above random play": about(20, 1)},
        {"slope": about(0.9, 0.1), "score above random play": about(20, 1)},
    ),
    "dt-attention-idle": (
        {"attention silenced": about(0.1, 0.2), "perceptrons silenced": about(-38, 1)},
        {"attention silenced": about(-5, 1), "perceptrons silenced": about(-38, 1)},
    ),
    "dt-one-step-obeys": (
        {"one step": about(0.9, 0.1), "all twenty": about(0.9, 0.1)},
        {"one step": about(0.0, 0.03), "all twenty": about(0.9, 0.1)},
    ),
    "rvs-obeys": (
        {"DT less perceptron": about(0.02, 0.05), "perceptron": about(0.9, 0.1), "returns shuffled": about(0.0, 0.03)},
        {"DT less perceptron": about(0.9, 0.1), "perceptron": about(0.0, 0.03), "returns shuffled": about(0.0, 0.03)},
    ),
    "asking-pays-wide": (dict.fromkeys(("one", "other"), about(5, 1)), dict.fromkeys(("one", "other"), about(-5, 1))),
    "asking-beyond-idle": (dict.fromkeys(("one", "other"), about(-50, 60)), {"one": about(0, 30), "other": about(300, 60)}),
    "tt-value-token-pays": (
        {"both, less rewards alone": about(1.5, 0.6)} | BY_CHANCE,
        {"both, less rewards alone": about(0.0, 0.4)} | BY_CHANCE,
    ),
    "tt-rewards-idle": (
        {"both, less the value alone": about(0.0, 0.4)} | BY_CHANCE,
        {"both, less the value alone": about(1.5, 0.6)} | BY_CHANCE,
    ),
    "tt-rewards-pay": (
        {"rewards alone, less ranked at random": about(1.5, 0.6)} | BY_CHANCE,
        {"rewards alone, less ranked at random": about(-1.5, 0.6)} | BY_CHANCE,
    ),
    "dt-obeys-once-trained": (
        {"10,000 updates": about(0.9, 0.1), "3,000 updates": about(0.5, 0.1), "1,000 updates": about(0.2, 0.1)},
        {"10,000 updates": about(0.0, 0.05), "3,000 updates": about(0.5, 0.1), "1,000 updates": about(0.2, 0.1)},
    ),
    "tt-critics-pay-more": (
        {"critics, less the value token": about(1.5, 0.6), "critics, less rewards alone": about(2.5, 0.6)},
        {"critics, less the value token": about(-1.2, 0.6), "critics, less rewards alone": about(1.5, 0.6)},
    ),
    "tt-critics-search-adds": (
        {"search by critics, less their actor": about(1.5, 0.6), "actor less no search": about(3.5, 0.6)},
        {"search by critics, less their actor": about(0.0, 0.4), "actor less no search": about(3.5, 0.6)},
    ),
    "tt-revising-as-a-beam": (
        {"two sweeps, less a beam of eight": about(0.0, 0.4), "best of eleven drawn, less a beam of eight": about(-1.5, 0.6)},
        {"two sweeps, less a beam of eight": about(-1.2, 0.6), "best of eleven drawn, less a beam of eight": about(0.0, 0.4)},
    ),
    "tt-sweeps-pay": (
        {"eight sweeps less one": about(1.5, 0.6), "best of 41 plans less best of 6": about(0.2, 0.6)},
        {"eight sweeps less one": about(0.0, 0.4), "best of 41 plans less best of 6": about(0.2, 0.6)},
    ),
    "tt-likeliest-as-none": (
        {"likeliest of eleven, less no search": about(0.0, 0.4), "best of eleven by score, less no search": about(1.8, 0.6)},
        {"likeliest of eleven, less no search": about(-2.1, 0.6), "best of eleven by score, less no search": about(1.8, 0.6)},
    ),
    "dt-obeys-narrow": (
        {"slope": about(0.9, 0.1), "ideal listener": about(0.9, 0.1)},
        {"slope": about(0.0, 0.03), "ideal listener": about(0.9, 0.1)},
    ),
    "dt-return-moves-action-wide": (
        {"step 0": about(80, 5), "step 500": about(20, 5)},
        {"step 0": about(0.1, 1), "step 500": about(0.1, 1)},
    ),
    # trainings that look at returns, and trainings that look elsewhere, beside twins that look evenly
    "dt-attention-returns-trainings": (
        {"layer 2": about(0.3, 0.1), "layer 3": about(0.2, 0.1), "layer 2, untrained": NOTHING, "layer 3, untrained": NOTHING},
        {"layer 2": about(-0.2, 0.1), "layer 3": about(0, 0.05), "layer 2, untrained": NOTHING, "layer 3, untrained": NOTHING},
    ),
    "dt-heads-matter": (
        dict.fromkeys("abc", about(2, 1)) | dict.fromkeys("def", about(9, 1)),
        dict.fromkeys("abc", about(0, 0.4)) | dict.fromkeys("de", about(0, 0.4)) | {"f": about(9, 1)},
    ),
    "tt-stripes-carry": (
        {"dimension predicted hidden": about(3.4, 0.6), "others hidden, median of ten": about(0.2, 0.1)},
        {"dimension predicted hidden": about(0.2, 0.6), "others hidden, median of ten": about(0.2, 0.1)},
    ),
    "tt-previous-enough": (
        {"all older hidden": about(0.05, 0.04), "previous hidden": about(6, 0.5)},
        {"all older hidden": about(0.6, 0.2), "previous hidden": about(6, 0.5)},
    ),
    "tt-patterns-trainings": (
        dict.fromkeys("abc", about(0.3, 0.1)) | dict.fromkeys("def", NOTHING),
        dict.fromkeys("abc", about(0.0, 0.05)) | dict.fromkeys("def", NOTHING),
    ),
    "leap-one-sweep": (
        {"eight sweeps less one": about(0.01, 0.03), "one sweep less none": about(0.6, 0.05)},
        {"eight sweeps less one": about(0.1, 0.03), "one sweep less none": about(0.6, 0.05)},
    ),
    # drafts that differ until they are swept; one of three that stays behind
    "leap-draft-idle": (
        UNSWEPT | dict.fromkeys(SWEPT, NOTHING),
        UNSWEPT | dict.fromkeys(SWEPT, NOTHING) | {SWEPT[-1]: LOSS},
    ),
    "leap-beats-chance": (
        {"LEAP less drawn actions": about(0.5, 0.06), "LEAP less uniform actions": about(0.6, 0.06)},
        {"LEAP less drawn actions": about(0.0, 0.04), "LEAP less uniform actions": about(0.6, 0.06)},
    ),
    "data-mean": ({"ours": about(4544), "D4RL's": about(4770)}, {"ours": about(4000), "D4RL's": about(4770)}),
    "data-narrower": ({"ours": about(170), "D4RL's": about(356)}, {"ours": about(400), "D4RL's": about(356)}),
}


def test_an_interval_seen_from_a_bar_is_shifted_and_keeps_what_it_counts():
    seen = Interval(5.0, 4.0, 7.0, 12, "trainings").over_bar(2.0)
    assert seen == Interval(3.0, 2.0, 5.0, 12, "trainings")


def test_shares_of_the_same_episodes_are_compared_pair_by_pair():
    # differences 1, 0, 0 and 1: mean 1/2, sd sqrt(1/3)
    found = predicates.paired_shares([1, 1, 0, 1], [0, 1, 0, 0])
    half = 3.182446 * (1 / 3) ** 0.5 / 2
    assert (found.mean, found.n, found.over) == (0.5, 4, "pairs of episodes")
    assert (found.low, found.high) == (pytest.approx(0.5 - half), pytest.approx(0.5 + half))
    with pytest.raises(ValueError):
        predicates.paired_shares([1, 1], [1])


def test_every_claim_has_evidence_made_up_for_it():
    assert MADE_UP.keys() == CLAIMS.keys() and len(CLAIMS) == len(claims.CLAIMS)


def test_a_claim_holds_on_evidence_that_fulfils_it_and_not_on_evidence_that_refutes_it():
    verdicts = {name: [CLAIMS[name].judge(made_up, CLAIMS[name].margin) for made_up in MADE_UP[name]] for name in MADE_UP}
    assert {name: given for name, given in verdicts.items() if given != [HOLDS, FAILS]} == {}


@pytest.mark.parametrize(
    ("name", "control", "value"),
    [
        ("dt-obeys-wide", "returns shuffled", about(0.9, 0.1)),  # it obeys though it was told nothing
        ("dt-obeys-replay", "log", about(2999)),  # the log covers too little
        ("dt-deaf-shuffled", "score above random play", about(0.3, 0.2)),  # it plays no better than chance
        ("dt-attention-idle", "perceptrons silenced", about(-4, 1)),  # silencing anything costs nothing
        ("dt-one-step-obeys", "all twenty", about(0.4, 0.3)),  # there is nothing to lose
        ("rvs-obeys", "returns shuffled", about(0.9, 0.1)),
        *(
            (name, control, better)  # or it may be better
            for name in ("tt-value-token-pays", "tt-rewards-idle", "tt-rewards-pay")
            for control in registered_values.UNCHOSEN
            for better in (about(1.5, 0.6), about(0.2, 0.3))
        ),
        ("dt-obeys-once-trained", "1,000 updates", about(0.4, 0.1)),  # nor need it be trained for long
        ("tt-critics-pay-more", "critics, less rewards alone", about(0.4, 0.3)),  # they tell no more than rewards do
        ("tt-critics-search-adds", "actor less no search", about(0.2, 0.4)),  # critics that teach nothing
        ("tt-sweeps-pay", "best of 41 plans less best of 6", about(1.5, 0.6)),  # any more plans would do
        ("tt-likeliest-as-none", "best of eleven by score, less no search", about(0.4, 0.3)),  # no search would gain
        ("dt-obeys-narrow", "ideal listener", about(0.3, 0.1)),  # nor could anyone else
        ("dt-attention-returns-trainings", "layer 3, untrained", about(0.3, 0.1)),  # it looks so before it learns
        ("tt-stripes-carry", "others hidden, median of ten", about(0.25, 0.1)),  # hiding anything costs as much
        ("tt-previous-enough", "previous hidden", about(1.0, 0.1)),  # nothing older could be missed, either
        ("leap-one-sweep", "one sweep less none", about(0.2, 0.05)),  # the first sweep does not do enough to be told
        ("leap-draft-idle", "all masks less left to right, 0 sweeps", NOTHING),  # drafts are alike to begin with
        ("leap-beats-chance", "LEAP less uniform actions", about(0.04, 0.03)),
        *(
            (name, twist_claims.STITCHES, about(-4, 1)) for name in ("dt-stitches", "bc-stitches", "rvs-stitches")
        ),  # nobody does on this log
        ("dt-begins-worse", twist_claims.BEGINS_BETTER, about(10, 5)),  # what is asked for never matters by then
        *(
            (name, twist_claims.SAFE, about(0.6, 0.2)) for name in ("dt-gambles", "dt-gambles-for-less", "rvs-gambles")
        ),  # it always gambles
        ("dt-gambling-costs", "more that gamble", about(0.1, 0.15)),
        ("dt-gambling-costs", twist_claims.SAFE, about(0.6, 0.2)),
        *(
            (name, twist_claims.TENTH, about(4, 1)) for name in ("better-half-asking-pays", "better-half-asking-as-tenth")
        ),  # the log does not tell good episodes from bad
        ("values-leave-luck-alone", twist_claims.TENTH, about(-0.15, 0.1)),  # keeping the winners may leave it alone as well
        ("values-leave-luck-alone", twist_claims.TENTH, about(-0.4, 0.1)),  # or does
        *(
            (name, masking_claims.HELD_OUT, about(mean))  # one tells held-out plans better
            for name in ("leap-one-mask-fails", "leap-any-masks-fill")
            for mean in (0.06, -0.06)
        ),
        ("leap-later-guide", masking_claims.EARLIER, about(0.04, 0.03)),  # hiding anything costs nothing to speak of
        ("leap-better-draft-ends-worse", masking_claims.UNSWEPT, about(-0.2, 0.1)),  # it does not begin best
    ],
)
def test_a_registered_claim_is_not_decided_where_its_control_fails(name, control, value):
    claim = CLAIMS[name]
    for evidence in MADE_UP[name]:
        assert claim.judge({**evidence, control: value}, claim.margin) == OPEN
    assert control in claim.controls


def test_that_revising_does_as_well_is_not_decided_where_drawing_as_many_plans_does():
    claim, (evidence, refuting) = CLAIMS["tt-revising-as-a-beam"], MADE_UP["tt-revising-as-a-beam"]
    drawn = {claim.controls[0]: about(0.1, 0.3)}
    assert claim.judge({**evidence, **drawn}, claim.margin) == OPEN, "any eleven plans would do"
    assert claim.judge({**refuting, **drawn}, claim.margin) == FAILS, "but these do not"


def test_a_perceptron_that_obeys_by_less_than_the_transformer_does_not_obey_as_well():
    claim, (evidence, _) = CLAIMS["rvs-obeys"], MADE_UP["rvs-obeys"]
    assert claim.judge({**evidence, "DT less perceptron": about(0.3, 0.05)}, claim.margin) == FAILS
    assert claim.judge({**evidence, "perceptron": about(0.4, 0.3)}, claim.margin) == OPEN


def test_one_draft_that_stays_behind_refutes_that_none_matters_and_one_that_may_leaves_it_open():
    claim = CLAIMS["leap-draft-idle"]
    alike = UNSWEPT | dict.fromkeys(SWEPT, NOTHING)
    for name in SWEPT:
        assert claim.judge(alike | {name: GAIN}, claim.margin) == FAILS
        assert claim.judge(alike | {name: UNCLEAR}, claim.margin) == OPEN
        assert claim.judge(alike | dict.fromkeys(SWEPT, UNCLEAR) | {name: GAIN}, claim.margin) == FAILS
    assert len(SWEPT) == 6 and set(UNSWEPT) == set(claim.controls)
    assert registered_values.compared_drafts(1)["random less all masks, 1 sweep"] == "local_leap_random_over_masks_1"


def test_that_nothing_differs_is_as_sure_as_all_its_parts_and_that_something_does_as_the_surest_that_does():
    def read(*found):
        known = {
            name: {"values": {"verdict": verdict, "p_more": 0.01, "p_less": 0.02, "p_none": p, "rerun": rerun}}
            for name, verdict, p, rerun in found
        }
        return registered_values.surety_of_none(tuple(known))({"compared": known})

    nothing = ("a", "no effect", 0.01, 0.97), ("b", "no effect", 0.03, 0.95)
    assert read(*nothing) == pytest.approx((0.03, 0.92))
    assert read(*nothing, ("c", "refuted", 1.0, 0.6)) == (0.02, 0.6)
    assert read(*nothing, ("c", "refuted", 1.0, 0.6), ("d", "holds", 1.0, 0.9)) == (0.01, 0.9)
    assert read(*nothing, ("c", "undecided", 0.4, 0.5)) == pytest.approx((0.4, 0.42))
    assert read(*[(name, "undecided", 0.4, 0.5) for name in "abc"]).rerun == 0.0


def test_a_gain_that_may_be_is_neither_none_nor_one():
    assert CLAIMS["asking-beyond-idle"].judge({"one": about(50, 60)}, 62.0) == OPEN
    assert CLAIMS["asking-beyond-idle"].judge({"one": about(32, 30)}, 62.0) == OPEN  # it ends at the margin
    assert CLAIMS["asking-beyond-idle"].judge({"one": about(31, 30)}, 62.0) == HOLDS


def test_silencing_perceptrons_must_cost_more_than_five_points():
    claim, silenced = CLAIMS["dt-attention-idle"], {"attention silenced": about(0.1, 0.2)}
    for cost, verdict in ((about(-5.5, 0.2), HOLDS), (about(-5.0, 0.2), OPEN), (about(-9, 10), OPEN), (about(9, 1), OPEN)):
        assert claim.judge({**silenced, "perceptrons silenced": cost}, claim.margin) == verdict
    assert registered_values.minus(Interval(1.0, 0.5, 3.0, 7, "pairs")) == Interval(-1.0, -3.0, -0.5, 7, "pairs")


def test_how_far_a_log_reaches_is_the_difference_of_its_quantiles():
    results = {"datasets": {"local_halfcheetah_toy": {"values": {"return_quantiles": {"1": -10.0, "99": 30.0}}}}}
    assert registered_values.spread(results, "toy").mean == 40.0


def judged(monkeypatch, p: float, rerun: float, row: str, adjusted: dict) -> dict:
    """What is found of a claim that holds by its predicate."""
    claim = predicates.Claim(
        "toy",
        "A toy holds",
        "slope",
        lambda results: {"slope": about(1.0, 0.1)},
        "above 0.5",
        lambda values, margin: predicates.obeys(values["slope"]),
        0.1,
        row=row,
        surety=lambda results: predicates.Surety(p, rerun),
    )
    return claims.finding(claim, {}, adjusted)


def test_a_registered_verdict_is_withheld_where_it_is_not_sure(monkeypatch):
    assert judged(monkeypatch, 0.01, 0.95, "b1", {})["verdict"] == HOLDS
    assert judged(monkeypatch, 0.05, 0.9, "b1", {})["verdict"] == HOLDS  # at both bounds
    assert judged(monkeypatch, 0.06, 0.95, "b1", {})["verdict"] == OPEN
    assert judged(monkeypatch, 0.01, 0.89, "b1", {})["verdict"] == OPEN
    confirmed = judged(monkeypatch, 0.01, 0.95, "H1", {"toy": 0.06})  # corrected, it is above 5 %
    assert (confirmed["verdict"], confirmed["registered"]) == (
        OPEN,
        {"row": "H1", "commit": claims.FIXED, "confirmatory": True, "p": "0.060", "rerun": "95%"},
    )
    assert judged(monkeypatch, 0.0004, 1.0, "b1", {})["registered"] == {
        "row": "b1",
        "commit": claims.FIXED,
        "confirmatory": False,
        "p": "below 0.001",
        "rerun": "100%",
    }


def test_of_a_registered_claim_of_which_no_p_value_is_told_the_row_is(monkeypatch):
    found = claims.findings(tabulate.results())["asking-pays-wide"]["registered"]
    assert found == {"row": "a3", "commit": claims.FIXED, "confirmatory": False}


def test_a_claim_whose_evidence_is_not_there_is_named_in_one_sentence(monkeypatch):
    results = tabulate.results()
    without = {
        **results,
        "compared": {key: value for key, value in results["compared"].items() if key != "local_dt_halfcheetah_attention"},
    }
    monkeypatch.setattr(tabulate, "results", lambda: without)
    with pytest.raises(PipelineError, match="^no claim can be judged: one reads local_dt_halfcheetah_attention of results/"):
        claims.text(without)
    assert not claims.current()


def test_the_rows_of_registered_claims_are_as_they_were_when_they_were_fixed():
    whole = (files.ROOT / "docs" / "predicates.md").read_text(encoding="utf-8")
    today = whole.partition("## Which trainings")[0].splitlines()
    known = {claim.row for claim in claims.CLAIMS if claim.row}
    rows = {row: [line for line in today if re.match(rf"\| \**{row}\** \|", line)] for row in known}
    assert len(rows) >= 8 and all(len(lines) == 1 for lines in rows.values()), rows
    for commit in {claims.FIXED, *claims.FIXED_LATER.values()}:
        then = subprocess.run(
            ["git", "show", f"{commit}:docs/predicates.md"], cwd=files.ROOT, capture_output=True, text=True, check=False
        )
        if then.returncode:
            pytest.skip("the history of the repository is not here")
        fixed = [lines[0] for row, lines in rows.items() if claims.FIXED_LATER.get(row, claims.FIXED) == commit]
        assert fixed and set(fixed) <= set(then.stdout.splitlines())
    for row, commit in claims.WENT_ON.items():
        then = subprocess.run(
            ["git", "show", f"{commit}:docs/predicates.md"], cwd=files.ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        headings = [line for line in then if re.match(rf"## How .*\b{row}\b.* goe?s? on", line)]
        assert len(headings) == 1 and rows[row][0] in then and headings[0] in whole.splitlines()


def test_a_p_value_is_written_with_three_decimals_from_a_thousandth_up():
    assert [tabulate.p_value(p) for p in (0.0009, 0.001, 0.0414)] == ["below 0.001", "0.001", "0.041"]


def test_what_is_a_control_is_told_as_one():
    found = claims.findings(tabulate.results())["dt-obeys-wide"]
    assert (list(found["measured"]), list(found["controls"])) == (["slope"], ["returns shuffled"])


@pytest.mark.parametrize(
    ("verdict", "claimed", "p"),
    [
        ("obeys", "obeys", 0.1),
        ("deaf", "obeys", 0.2),
        ("undecided", "obeys", 0.1),
        ("undecided", "deaf", 0.2),
        ("holds", "no effect", 0.3),
        ("refuted", "no effect", 0.4),
        ("no effect", "no effect", 0.5),
        ("undecided", "no effect", 0.5),
    ],
)
def test_the_p_value_is_that_of_the_verdict_and_where_there_is_none_that_of_the_claim(verdict, claimed, p):
    values = {"p_obeys": 0.1, "p_deaf": 0.2, "p_more": 0.3, "p_less": 0.4, "p_none": 0.5, "verdict": verdict, "rerun": 0.97}
    results = {"compared": {"toy": {"values": values}}}
    assert registered_values.surety("toy", claimed)(results) == predicates.Surety(p, 0.97)


def test_confirmatory_claims_are_corrected_together_with_those_that_are_still_to_come(monkeypatch):
    some = [predicates.Claim(name, "", "slope", dict, "", min, 0.1, (), row, lambda t, p=p: predicates.Surety(p, 1.0))
            for name, row, p in (("a", "H1", 0.001), ("b", "H4", 0.01), ("c", "a2", 0.0))]  # fmt: skip
    monkeypatch.setattr(claims, "CLAIMS", some)
    assert claims.corrected({}) == pytest.approx({"a": 0.006, "b": 0.05})


@pytest.mark.parametrize("name", ["tt-search-pays", "tt-longer", "tt-wider", "tt-one-beam", "tt-above-dt", "tt-beyond-data"])
def test_too_few_episodes_decide_nothing(name):
    claim = CLAIMS[name]
    few = {"difference": about(1000, 10, n=4)}
    assert claim.judge(few, claim.margin) == OPEN


@pytest.mark.parametrize("name", ["leap-gibbs", "leap-keeping-plans", "leap-goal-given", "causal-above-leap"])
def test_a_claim_about_all_levels_holds_in_part_where_some_are_undecided(name):
    claim = CLAIMS[name]
    names = list(all_of(name, GAIN))
    assert claim.judge(dict.fromkeys(names, UNCLEAR), claim.margin) == OPEN
    assert claim.judge(dict.fromkeys(names, UNCLEAR) | {names[0]: GAIN}, claim.margin) == IN_PART


@given(st.floats(-5, 5), st.floats(0.01, 3), st.floats(0.1, 1))
def test_a_difference_and_its_opposite_never_both_hold(mean, half, margin):
    one, other = about(mean, half), about(-mean, half)
    assert [predicates.above(one, margin), predicates.above(other, margin)].count(HOLDS) <= 1
    if predicates.alike(one, margin) == HOLDS:
        assert predicates.above(one, margin) == predicates.above(other, margin) == FAILS


def test_no_verdict_turns_on_a_last_digit():
    near = [about(0.49, 0.3), about(0.51, 0.52), about(0.4, 0.41)]
    assert [predicates.above(each, 0.5) for each in near] == [OPEN, OPEN, OPEN]
    assert predicates.above(about(0.2, 0.29), 0.5) == FAILS and predicates.above(about(0.51, 0.5), 0.5) == HOLDS


def test_a_difference_of_two_means_has_both_spreads():
    difference = Interval(5, 2, 8, 10, "episodes") - Interval(1, -3, 5, 4, "trainings")
    assert (difference.mean, difference.low, difference.high, difference.n) == (4, -1, 9, 4)


def test_pairs_of_episodes_are_compared_as_pairs():
    found = predicates.paired_shares([1, 1, 1, 0], [0, 1, 0, 0])
    assert found.mean == 0.5 and found.n == 4
    assert found.low == pytest.approx(0.5 - 3.18245 * (1 / 3) ** 0.5 / 2, abs=1e-4)


def test_the_verdicts_kept_are_those_of_the_evidence():
    assert claims.current()
    kept = json.loads(tabulate.VERDICTS.read_text(encoding="utf-8"))
    assert {finding["verdict"] for finding in kept.values()} <= {HOLDS, IN_PART, FAILS, OPEN}
    assert all(finding["reads"] and finding["measured"] and finding["predicate"] for finding in kept.values())


@pytest.mark.parametrize(
    ("mean", "low", "high", "above", "alike"),
    [  # margin 1
        (2, 0.1, 3.9, HOLDS, FAILS),
        (2, 0, 4, OPEN, OPEN),  # it touches 0
        (1.1, 0.5, 1.7, HOLDS, FAILS),
        (1, 0.5, 1.5, OPEN, OPEN),  # its mean is no more than the margin
        (-2, -3.9, -0.1, FAILS, FAILS),
        (-2, -4, 0, OPEN, OPEN),
        (-1.1, -1.7, -0.5, FAILS, FAILS),
        (-1, -1.5, -0.5, OPEN, OPEN),
        (0, -1, 1, FAILS, HOLDS),  # it ends at the margin
        (0, -1.1, 1, OPEN, OPEN),
        (0, -1, 1.1, OPEN, OPEN),
    ],
)
def test_the_ends_of_an_interval_decide_on_which_side_of_a_bar_it_lies(mean, low, high, above, alike):
    difference = Interval(mean, low, high, 9)
    assert predicates.above(difference, 1) == above and predicates.alike(difference, 1) == alike
    assert predicates.above(difference, 1, fewest=9) == above and predicates.alike(difference, 1, fewest=9) == alike
    assert predicates.above(difference, 1, fewest=10) == predicates.alike(difference, 1, fewest=10) == OPEN


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.51, 1, HOLDS), (0.5, 1, OPEN), (0.2, 0.9, OPEN), (0.05, 0.35, OPEN), (0, 0.1, OPEN), (-0.2, 0.09, FAILS)],
)
def test_a_slope_is_obedience_above_a_half_and_none_below_a_tenth(low, high, verdict):
    assert predicates.obeys(Interval((low + high) / 2, low, high)) == verdict


@pytest.mark.parametrize(
    ("part", "whole", "verdict"),
    [  # of half the whole
        ((5, 5), (10, 10), HOLDS),
        ((4, 8), (10, 10), OPEN),
        ((5.5, 5.5), (8, 12), OPEN),
        ((6, 6), (8, 12), HOLDS),
        ((5, 5), (8, 12), OPEN),
        ((2, 5), (8, 12), OPEN),
        ((4, 4), (8, 12), OPEN),
        ((3.9, 3.9), (8, 12), FAILS),
    ],
)
def test_a_part_is_held_against_the_whole_at_both_ends(part, whole, verdict):
    assert predicates.times(Interval(0, *part), Interval(0, *whole), 0.5) == verdict


def test_a_spread_is_smaller_by_a_part_of_the_other_and_takes_enough_values_to_be_told():
    assert predicates.calmer(about(0.9, n=10), about(2, n=10), 0.5, 10) == HOLDS
    assert predicates.calmer(about(1, n=10), about(2, n=10), 0.5, 10) == FAILS
    assert (
        predicates.calmer(about(0.1, n=9), about(2, n=10), 0.5, 10)
        == OPEN
        == predicates.calmer(about(0.1), about(2, n=9), 0.5, 10)
    )


def test_several_verdicts_are_one():
    assert predicates.together([HOLDS, HOLDS]) == HOLDS and predicates.together([HOLDS, OPEN]) == IN_PART
    assert predicates.together([HOLDS, FAILS]) == IN_PART and predicates.together([FAILS, FAILS]) == FAILS
    assert predicates.together([FAILS, OPEN]) == OPEN and predicates.together([OPEN, OPEN]) == OPEN


# ---- what claims read ----

ENDS = {"mean": 2.0, "low": 1.0, "high": 4.0}


def ends(stem: str) -> dict[str, float]:
    return {f"{stem}_{end}": value for end, value in ENDS.items()}


def test_a_mean_over_episodes_over_trainings_and_of_a_share_is_read_with_its_ends_and_its_number():
    results = {
        "evaluations": {"a": {"values": {**ends("score"), "episodes": 12}}},
        "pooled": {"a": {"values": {**ends("score"), "seeds": 5}}},
        "solved": {"a": {"values": {**ends("success"), "episodes": 200}}},
    }
    assert predicates.played(results, "a", "score") == Interval(2, 1, 4, 12, "episodes")
    assert predicates.trained(results, "a") == Interval(2, 1, 4, 5, "trainings")
    assert predicates.solved(results, "a") == Interval(2, 1, 4, 200, "episodes")


def test_a_comparison_is_over_pairs_or_over_the_trainings_of_both():
    found = {
        name: predicates.compared({"compared": {"a": {"values": {"score": ENDS, **count}}}}, "a", "score")
        for name, count in {"slope": {"seeds": 10}, "pairs": {"episodes": 12}, "trainings": {"seeds": [3, 5]}}.items()
    }
    assert found["slope"] == Interval(2, 1, 4, 10, "pairs of episodes")
    assert found["pairs"] == Interval(2, 1, 4, 12, "pairs of episodes")
    assert found["trainings"] == Interval(2, 1, 4, 8, "trainings")


def test_pairs_of_episodes_tell_how_many_were_won_and_lost():
    success = {"one": [1, 1, 1, 0, 1], "other": [0, 1, 0, 1, 1]}
    results = {"solved": {name: {"values": {"success": each}} for name, each in success.items()}}
    found = predicates.paired(results, "one", "other")
    assert found.mean == pytest.approx(0.2) and (found.n, found.over) == (5, "pairs of episodes, 2 won and 1 lost")
    half = 2.776445 * (0.7 / 5) ** 0.5  # t of four degrees of freedom; squares 0.64 · 2 + 1.44 + 0.04 · 2 over 4
    assert (found.low, found.high) == pytest.approx((0.2 - half, 0.2 + half), abs=1e-5)


def test_a_difference_of_two_stands_below_both():
    found = score_claims.difference_of(("a", about(3, 1)), ("b", about(1, 1)))
    assert list(found) == ["a", "b", "difference"] and found["difference"].mean == 2


def interval(mean: float) -> dict[str, float]:
    return {"mean": mean, "low": mean - 0.1, "high": mean + 0.1}


def test_attention_is_read_by_layer_by_head_and_beside_its_controls():
    shares = {"shares": {"return": [[interval(0.3)], [interval(0.6)]]}, "uniform": {"return": 0.36}, "contexts": 64}
    found = attention_claims.looks({"attention": {attention_claims.DT: {"values": shares}}})
    assert [(name, each.mean, each.n) for name, each in found.items()] == [
        ("layer 1", 0.3, 64),
        ("layer 2", 0.6, 64),
        ("uniform", 0.36, 1),
    ]
    heads_ = [[{"mean": 0.2, "low": 0.1, "high": 0.9}, interval(0.5)], [interval(0.4), interval(0.3)]]
    band = {"band": heads_, "band_last_layer": interval(0.35), "band_last_layer_untrained": interval(0.1)}
    found = attention_claims.pattern(
        {"attention": {attention_claims.TT: {"values": {**band, "uniform": {"band": 0.11}, "contexts": 7}}}}, "band"
    )
    assert {name: each.mean for name, each in found.items()} == {
        "last layer": 0.35,
        "head with least": 0.2,
        "head with most": 0.5,
        "untrained": 0.1,
        "uniform": 0.11,
    }


def test_values_are_written_with_interval_number_and_what_it_counts():
    assert claims.written(Interval(0.25, 0.2, 0.3, 200, "episodes"), "solved") == "25.0% (20.0 to 30.0), n = 200 episodes"
    assert (
        claims.written(Interval(-1.25, -2, -0.5, 2, "trainings"), "score")
        == "\u22121.3 (\u22122.0 to \u22120.5), n = 2 trainings"
    )
    assert claims.written(predicates.number(12000.0), "return") == "12\u202f000"
    assert claims.written(predicates.number(3.69, "500 actions"), "ms") == "3.7, 500 actions"
    assert claims.written(Interval(8.4, 6.2, 10.6, 5, "pairs"), "score", "points") == "8.4 (6.2 to 10.6) points, n = 5 pairs"


def test_a_control_of_another_unit_than_its_claim_says_which():
    said = claims.findings(tabulate.results())
    assert " points of score, " in said["dt-deaf-shuffled"]["controls"]["score above random play"]
    assert " points of return, " in said["dt-obeys-replay"]["controls"]["log"]


def test_claims_on_leap_by_trainings_read_what_their_rows_say():
    names = {
        "leap_fillings": -8.0,
        "leap_one_hidden": 0.01,
        "leap_fillings_solve": 0.5,
        "leap_later_hidden": -0.1,
        "leap_earlier_hidden": -0.4,
        "leap_later_moves": 0.3,
        "leap_drafts_unswept": 0.6,
        "leap_drafts_swept": 0.2,
    }
    made = {name: {"mean": mean, "low": mean - 1, "high": mean + 2} for name, mean in names.items()}
    results = {"effects": {name: {"values": {"difference": each, "seeds": 3}} for name, each in made.items()}}
    found = {claim.id: list(claim.read(results).values()) for claim in masking_claims.MASKING}

    def three(name: str) -> Interval:
        return Interval(**made[name], n=3, over="trainings")

    def turned(name: str) -> Interval:
        return Interval(-made[name]["mean"], -made[name]["high"], -made[name]["low"], 3, "trainings")

    assert found == {
        "leap-one-mask-fails": [turned("leap_fillings"), three("leap_one_hidden")],
        "leap-later-guide": [turned("leap_later_hidden"), turned("leap_earlier_hidden")],
        "leap-heeds-future-trained-anew": [three("leap_later_moves")],
        "leap-better-draft-ends-worse": [three("leap_drafts_swept"), three("leap_drafts_unswept")],
        "leap-any-masks-fill": [three("leap_fillings_solve"), three("leap_one_hidden")],
    }
    margins = {claim.row: claim.margin for claim in masking_claims.MASKING}
    assert margins == {"d2": 5.0, "d4": 0.05, "d5": 0.1, "d6": 0.05, "d7": 0.05}


def test_rows_c6_c7_and_a6_are_read_from_what_they_name():
    def judged(mean: float) -> dict:
        difference = {"mean": mean, "low": mean - 1, "high": mean + 1}
        return {
            "values": {"seeds": 20, "difference": difference, "verdict": "undecided", "p_more": mean / 100, "rerun": mean / 10}
        }

    def slope(mean: float) -> dict:
        found = {"mean": mean, "low": mean - 0.01, "high": mean + 0.01}
        return {"values": {"seeds": 100, "slope": found, "verdict": "undecided", "p_obeys": mean / 100, "rerun": mean / 10}}

    results = {
        "compared": {
            "local_tt_critic_over_full": judged(2.0),
            "local_tt_critic_over_rewards": judged(3.0),
            "local_tt_critic_over_actor": judged(4.0),
            "local_actor_over_unsearched": judged(5.0),
        },
        "effects": {f"throttled_steady_{updates}": slope(updates / 10_000) for updates in (1000, 3000, 10_000)},
    }
    critics, trained = CLAIMS["tt-critics-pay-more"], CLAIMS["dt-obeys-once-trained"]
    assert {name: value.mean for name, value in critics.read(results).items()} == {
        "critics, less the value token": 2.0,
        "critics, less rewards alone": 3.0,
    }
    assert {name: value.mean for name, value in trained.read(results).items()} == {
        "10,000 updates": 1.0,
        "3,000 updates": 0.3,
        "1,000 updates": 0.1,
    }
    adds = CLAIMS["tt-critics-search-adds"]
    assert {name: value.mean for name, value in adds.read(results).items()} == {
        "search by critics, less their actor": 4.0,
        "actor less no search": 5.0,
    }
    sure = [claim.surety(results) for claim in (critics, adds, trained)]
    assert sure == [Surety(0.02, 0.2), Surety(0.04, 0.4), Surety(0.01, 0.1)]


def test_rows_e1_and_e2_are_read_from_what_they_name_and_judged_by_their_own_bars():
    def judged(mean: float) -> dict:
        difference = {"mean": mean, "low": mean - 1, "high": mean + 1}
        ps = {"p_more": mean / 100, "p_none": mean / 50}
        return {"values": {"seeds": 100, "difference": difference, "verdict": "undecided", "rerun": mean / 10, **ps}}

    results = {
        "effects": {
            "better_dt_over_bc": judged(2.0),
            "better_dt_over_bc10": judged(3.0),
            "better_bc10_over_bc": judged(4.0),
        }
    }
    pays, as_tenth = CLAIMS["better-half-asking-pays"], CLAIMS["better-half-asking-as-tenth"]
    assert [list(value.mean for value in claim.read(results).values()) for claim in (pays, as_tenth)] == [[2, 4], [3, 4]]
    assert [claim.surety(results) for claim in (pays, as_tenth)] == [Surety(0.02, 0.2), Surety(0.06, 0.3)]
    assert [(claim.row, claim.margin) for claim in (pays, as_tenth)] == [("e1", 5.0), ("e2", 2.0)]
    for claim, difference, refuting in ((pays, about(6, 2), about(-6, 2)), (as_tenth, about(1, 0.9), about(-2.5, 0.3))):
        enough, short = ({"asking": difference, twist_claims.TENTH: about(mean, 1)} for mean in (5.1, 4.9))
        assert claim.judge(enough, claim.margin) == HOLDS and claim.judge(short, claim.margin) == OPEN
        assert claim.judge(enough | {"asking": refuting}, claim.margin) == FAILS
