"""From what was played to the numbers of the post, each solved by hand.

Every factor that is not arithmetic on paper is Student's t at 97.5 %: 12.7062 with one degree of freedom, 4.302653 with two.
"""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from pipeline import files
from pipeline.evidence import recipes, records
from pipeline.evidence.records import Recipe
from pipeline.statistics.summaries import (
    compare,
    derived,
    difference,
    paired,
    pool,
    rolled_out,
    slopes,
    summarize_returns,
    summarize_solved,
    trained,
)
from pipeline.study import comparisons, runs, studies
from pipeline.study.comparisons import Matrix
from pipeline.worlds.world import HALFCHEETAH, HOPPER

EVALUATION = runs.Evaluation("toy", "random_actions", episodes=3, shard_episodes=3, first_seed=7)
SOLVING = runs.Solving("toy", "random_steps", "go_to_local_s7n5", episodes=4, shard_episodes=4, first_seed=7)
RANDOM, EXPERT = -280.178953, 12135.0  # D4RL's returns of score 0 and 100
SCALE = 100 / (EXPERT - RANDOM)  # points of score for one of return
ASKED = [1000.0, 2000.0, 4000.0]


def about(mean: float, half: float):
    """An interval around a mean, as approximate numbers."""
    return pytest.approx({"mean": mean, "low": mean - half, "high": mean + half}, rel=1e-5)


def test_three_returns_are_summarized_with_their_seeds_their_spread_and_their_t_interval():
    found = summarize_returns(EVALUATION, [1000.0, 3000.0, 2000.0])
    half = 4.302653 * 1000 / np.sqrt(3)  # the deviation is sqrt((1000² + 1000² + 0) / 2) = 1000
    assert found == {
        "episodes": 3,
        "seeds": [7, 8, 9],
        "returns": [1000.0, 3000.0, 2000.0],
        "return_mean": 2000.0,
        "return_sd": 1000.0,
        "return_low": pytest.approx(2000 - half),
        "return_high": pytest.approx(2000 + half),
        "score_mean": pytest.approx((2000 - RANDOM) * SCALE),
        "score_low": pytest.approx((2000 - half - RANDOM) * SCALE),
        "score_high": pytest.approx((2000 + half - RANDOM) * SCALE),
    }


def test_returns_are_scored_by_the_world_they_were_got_in():
    hopper = dataclasses.replace(EVALUATION, environment="Hopper-v4")
    assert summarize_returns(hopper, [HOPPER.expert_return])["score_mean"] == 100.0
    assert summarize_returns(hopper, [HOPPER.random_return])["score_mean"] == 0.0


def test_two_returns_have_a_spread_and_one_has_none():
    # the deviation of -3 and 5 around 1 is sqrt((4² + 4²) / 1)
    assert summarize_returns(EVALUATION, [-3.0, 5.0])["return_sd"] == pytest.approx(np.sqrt(32))
    alone = summarize_returns(EVALUATION, [RANDOM])
    assert [alone[f"return_{name}"] for name in ("sd", "mean", "low", "high")] == [0.0, RANDOM, RANDOM, RANDOM]
    assert [alone[f"score_{end}"] for end in ("mean", "low", "high")] == [0.0, 0.0, 0.0]


def test_returns_in_the_browser_are_summarized_without_a_score():
    recipe = recipes.BROWSER_EVALUATIONS["local_bc_halfcheetah_s0"]
    found = derived(recipe, {"returns": [1000.0, 3000.0, 2000.0]}, files.ROOT)
    half = 4.302653 * 1000 / np.sqrt(3)  # t of two degrees of freedom
    assert found == {
        "episodes": 3,
        "seeds": [100, 101, 102],
        "returns": [1000.0, 3000.0, 2000.0],
        "return_mean": 2000.0,
        "return_sd": 1000.0,
        "return_low": pytest.approx(2000 - half, abs=1e-2),
        "return_high": pytest.approx(2000 + half, abs=1e-2),
    }


def test_four_episodes_of_a_level_are_summarized_with_wilsons_interval():
    found = summarize_solved(SOLVING, {"success": [1, 0, 0, 1], "length": [4, 49, 51, 8]})
    # Wilson's interval of 2 in 4: with z = 1.959964, centre 1/2, half z sqrt(1/16 + z² / 64) / (1 + z² / 4)
    z = 1.959964
    half = z * np.sqrt(1 / 16 + z**2 / 64) / (1 + z**2 / 4)
    assert found == {
        "episodes": 4,
        "seeds": [7, 8, 9, 10],
        "success": [1, 0, 0, 1],
        "length": [4, 49, 51, 8],
        "solved": 2,
        "success_mean": 0.5,
        "success_low": pytest.approx(0.5 - half),
        "success_high": pytest.approx(0.5 + half),
        "length_mean": 28.0,
        "solved_length_mean": 6.0,
    }


def test_where_nothing_is_solved_the_length_of_the_solved_is_zero():
    found = summarize_solved(SOLVING, {"success": [0], "length": [49]})
    assert (found["solved"], found["success_mean"], found["length_mean"], found["solved_length_mean"]) == (0, 0.0, 49.0, 0.0)


def test_pooling_takes_each_seeds_mean_as_one_sample():
    found = pool([{"returns": [0.0, 2.0]}, {"returns": [1.0, 3.0]}, {"returns": [3.0, 3.0]}], HALFCHEETAH)
    half = 4.302653 / np.sqrt(3)  # the deviation of the means 1, 2 and 3 is 1
    assert found == {
        "seeds": 3,
        "episodes_per_seed": 2,
        "seed_means": [1.0, 2.0, 3.0],
        "score_sd": pytest.approx(SCALE),
        "return_mean": pytest.approx(2.0),
        "return_low": pytest.approx(2 - half),
        "return_high": pytest.approx(2 + half),
        "score_mean": pytest.approx((2 - RANDOM) * SCALE),
        "score_low": pytest.approx((2 - half - RANDOM) * SCALE),
        "score_high": pytest.approx((2 + half - RANDOM) * SCALE),
        "resampled": "training seeds",
    }


def test_two_seeds_have_a_spread_and_one_has_none():
    assert pool([{"returns": [-3.0]}, {"returns": [5.0]}], HALFCHEETAH)["score_sd"] == pytest.approx(np.sqrt(32) * SCALE)
    alone = pool([{"returns": [1.0, 3.0]}], HALFCHEETAH)
    assert (alone["score_sd"], alone["return_low"], alone["return_high"]) == (0.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("evaluations", "counts"), [([{"returns": [1.0]}, {"returns": [1.0, 2.0]}], r"\[1, 2\]"), ([], r"\[\]")]
)
def test_pooling_refuses_seeds_that_played_different_numbers_of_episodes(evaluations, counts):
    with pytest.raises(ValueError, match=f"^pooling takes evaluations over one number of episodes, not over {counts}$"):
        pool(evaluations, HALFCHEETAH)


def test_an_obedient_model_has_slope_one_and_a_deaf_one_zero():
    seeds = np.array([10.0, -20.0, 5.0])
    obedient = np.asarray(ASKED)[:, None] + seeds
    assert slopes(ASKED, obedient) == pytest.approx([1.0, 1.0, 1.0])
    deaf = np.full((3, 1), 4700.0) + seeds
    assert slopes(ASKED, deaf) == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)


def test_each_seed_gives_one_slope():
    got = np.stack([np.asarray(ASKED), 3 * np.asarray(ASKED)], axis=1)
    assert slopes(ASKED, got) == pytest.approx([1.0, 3.0])


def test_a_slope_is_the_least_squares_one_where_points_do_not_lie_on_a_line():
    # around their means: asked -1, 0, 1 and got -2, 1, 1: (2 + 0 + 1) / (1 + 0 + 1)
    assert slopes([1.0, 2.0, 3.0], np.array([[0.0], [3.0], [3.0]])) == pytest.approx([1.5])


def asked_of(*rows: tuple[str, float, list[float]]):
    """What reads evaluations by name, each with the return asked and those got."""
    known = {
        name: {
            "run": {"target_return": asked, "environment": "HalfCheetah-v4"},
            "values": {"returns": got, "seeds": list(range(200, 200 + len(got)))},
        }
        for name, asked, got in rows
    }
    return lambda kind, name: known[name]


def test_whether_a_policy_obeys_is_told_by_the_slopes_of_its_seeds_and_what_asking_for_more_brings_by_pairs():
    read = asked_of(
        ("low", 0.0, [0.0, 0.0, 0.0]), ("high", 1000.0, [900.0, 1000.0, 1100.0]), ("more", 2e3, [0.9e3, 1.1e3, 1.3e3])
    )
    found = compare(studies.Asked("toy", ("low", "high"), "more"), read)
    assert (found["seeds"], found["targets"], found["got"].tolist()) == (3, [0.0, 1000.0], [0.0, 1000.0])
    assert found["slopes"] == pytest.approx([0.9, 1.0, 1.1])
    assert found["slope"] == about(1.0, 4.302653 * 0.1 / np.sqrt(3))  # 0.75 to 1.25
    assert found["verdict"] == "obeys" and found["rerun"] == 1.0  # no resample's slopes fall below 0.5
    # with two degrees of freedom p is (1 - t / sqrt(2 + t²)) / 2; t = 0.5 / (0.1 / sqrt(3)) = 8.660
    assert found["p_obeys"] == pytest.approx(0.006536, rel=1e-3)
    assert found["p_deaf"] > 0.99
    beyond = found["beyond"]
    assert (beyond.pop("target"), beyond.pop("p_more")) == (2000.0, pytest.approx(0.1127, rel=1e-3))  # t = 1.732
    assert beyond == about(100.0, 4.302653 * 100 / np.sqrt(3))


def test_where_nothing_more_was_asked_nothing_is_said_of_it():
    read = asked_of(("low", 0.0, [10.0, 20.0]), ("high", 1000.0, [10.0, 20.0]))
    found = compare(studies.Asked("toy", ("low", "high")), read)
    assert "beyond" not in found
    assert (found["verdict"], found["slope"], found["p_deaf"]) == ("deaf", {"mean": 0.0, "low": 0.0, "high": 0.0}, 0.0)


def test_how_likely_a_rerun_repeats_the_verdict_is_counted_by_the_verdicts_own_rule():
    # slopes 0, 0 and 1.2 are undecided, and so is a resample unless all three are 0 (8 of 27, deaf) or 1.2 (1 of 27, obeys)
    read = asked_of(("low", 0.0, [0.0, 0.0, 0.0]), ("high", 1000.0, [0.0, 0.0, 1200.0]))
    found = compare(studies.Asked("toy", ("low", "high")), read)
    assert found["verdict"] == "undecided" and found["rerun"] == pytest.approx(18 / 27, abs=0.04)
    # and so with differences: 0, 0 and 1.2 less nothing, where no effect is 8 of 27 and holding 1 of 27
    known = {"one": [0.0, 0.0, 1.2], "other": [0.0, 0.0, 0.0]}
    found = compare(studies.SlopeDifference("toy", "one", "other"), lambda kind, name: {"values": {"slopes": known[name]}})
    assert found["verdict"] == "undecided" and found["rerun"] == pytest.approx(18 / 27, abs=0.04)


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (studies.Asked("toy", ("low", "high"), "low"), "evaluations"),
        (studies.Effect("toy", "low", "high"), "evaluations"),
        (studies.SlopeDifference("toy", "low", "high"), "compared"),
        (studies.SolvedEffect("toy", "low", "high"), "solved"),
    ],
)
def test_what_is_compared_is_read_where_it_is_kept(run, kind):
    asked = set()

    def read(kind, name):
        asked.add(kind)
        values = {"seeds": [200, 201], "returns": [1.0, 2.0], "slopes": [1.0, 2.0], "success": [0, 1]}
        return {"run": {"target_return": 1.0 + (name == "high"), "environment": "HalfCheetah-v4"}, "values": values}

    compare(run, read)
    assert asked == {kind}


def test_an_effect_is_a_difference_of_scores_by_seed_that_is_judged():
    read = asked_of(("without", 6e3, [4000.0, 4000.0, 4000.0]), ("intact", 6e3, [5000.0, 5100.0, 4900.0]))
    found = compare(studies.Effect("toy", "without", "intact", smallest=5.0), read)
    assert (found["seeds"], found["smallest"], found["verdict"]) == (3, 5.0, "refuted")
    assert found["difference"] == about(-1000 * SCALE, 4.302653 * 100 * SCALE / np.sqrt(3))
    assert found["p_less"] == pytest.approx(0.001658, rel=1e-3)  # t = 1000 / (100 / sqrt(3)) = 17.32
    assert found["p_more"] == pytest.approx(1 - 0.001658, rel=1e-3)
    assert compare(studies.Effect("toy", "intact", "without"), read)["verdict"] == "holds"


def test_a_sample_that_went_on_is_judged_whole():
    span = HALFCHEETAH.expert_return - HALFCHEETAH.random_return  # of 100 points of score
    played = {"one": [3, 5], "other": [1, 1], "more_one": [7], "more_other": [1]}
    seeds = {"one": [0, 1], "other": [1, 0], "more_one": [2], "more_other": [2]}

    def read(kind, name):
        assert kind == "evaluations"
        returns = [span / 100 * points for points in played[name]]
        return {"run": {"environment": "HalfCheetah-v4"}, "values": {"returns": returns, "seeds": seeds[name]}}

    run = comparisons.FurtherEffect("toy", "one", "other", further_one="more_one", further_other="more_other")
    found = compare(run, read)
    # gains of 2, 4 and 6 points: sd 2, t of 2 degrees of freedom 4.303
    assert found["seeds"] == 3
    assert found["difference"] == pytest.approx(
        {"mean": 4, "low": 4 - 4.303 * 2 / 3**0.5, "high": 4 + 4.303 * 2 / 3**0.5}, abs=0.001
    )
    assert run.inputs(None) == tuple(f"results/evaluations/{name}.json" for name in played)


def test_how_much_more_one_solves_is_judged_by_the_episodes_that_both_played():
    known = {"one": ([1000, 1001, 1002, 1003, 1004], [1, 1, 0, 1, 0]), "other": ([1001, 1000, 1003, 1002], [0, 0, 1, 1])}
    read = lambda kind, name: {"values": dict(zip(("seeds", "success"), known[name], strict=True)), "kind": kind}  # noqa: E731
    found = compare(studies.SolvedEffect("toy", "one", "other"), read)
    # by seed 1, 1, -1 and 0: mean 1/4, sd sqrt((3 - 4/16) / 3)
    assert found["difference"] == about(0.25, 3.182446 * np.sqrt(2.75 / 3) / 2)
    assert (found["seeds"], found["smallest"], found["verdict"]) == (4, 0.05, "undecided")
    assert (found["solved"], found["won"], found["lost"]) == ([0.75, 0.5], 2, 1)
    assert found["mcnemar"] == 1.0  # twice the chance of at most one of three


def test_how_much_more_one_obeys_is_judged_by_the_differences_of_slopes():
    known = {"one": [0.8, 1.0, 0.9], "other": [0.79, 1.0, 0.91]}
    found = compare(studies.SlopeDifference("toy", "one", "other"), lambda kind, name: {"values": {"slopes": known[name]}})
    assert found["difference"] == about(0.0, 4.302653 * 0.01 / np.sqrt(3))
    assert (found["verdict"], found["smallest"]) == ("no effect", 0.1)
    assert found["p_none"] == pytest.approx(0.001658, rel=1e-3)  # t = 0.1 / (0.01 / sqrt(3)) = 17.32 on both sides
    assert found["p_more"] == found["p_less"] == pytest.approx(0.5)  # the mean is 0


def test_a_first_shards_slopes_are_compared_with_those_of_the_same_seeds():
    known = {"one": [0.8, 1.0, 0.9], "other": [0.79, 1.0, 0.91, 7.0, -7.0]}
    for one, other in (("one", "other"), ("other", "one")):
        run = studies.SlopeDifference("toy", one, other)
        found = compare(run, lambda kind, name: {"values": {"slopes": known[name]}})
        assert found["seeds"] == 3 and found["difference"] == about(0.0, 4.302653 * 0.01 / np.sqrt(3))


def test_what_more_brings_is_told_over_the_highest_return_that_the_log_shows():
    read = asked_of(
        ("low", 0.0, [0.0, 0.0]), ("middle", 1e3, [1e3, 1e3]), ("high", 2e3, [2e3, 2.2e3]), ("more", 4e3, [2.1e3, 2.3e3])
    )
    found = compare(studies.Asked("toy", ("low", "middle", "high"), "more"), read)
    assert found["beyond"]["mean"] == pytest.approx(100.0) and found["beyond"]["target"] == 4000.0


def test_the_difference_of_two_means_has_welchs_interval():
    one, other = [11.0, 12.0, 13.0], [1.0, 3.0, 5.0]
    # variances 1 and 4 over 3 each: standard error sqrt(5/3), (5/3)² / ((1/3)² / 2 + (4/3)² / 2) = 2.9412 degrees of freedom,
    # with which t is 3.21876 at 97.5 % and 0.766874 at 75 %
    assert difference(one, other) == about(9.0, 3.21876 * np.sqrt(5 / 3))
    assert difference(one, other, confidence=0.5) == about(9.0, 0.766874 * np.sqrt(5 / 3))


def test_a_paired_difference_takes_the_seeds_that_both_played():
    one = {"seeds": [100, 101, 102], "returns": [5000.0, 5010.0, 9999.0]}
    other = {"seeds": [99, 101, 100], "returns": [0.0, 4890.0, 4900.0]}
    # differences 100 and 120: standard error 10
    assert paired(one, other, HALFCHEETAH) == {
        "episodes": 2,
        "return": about(110.0, 127.062),
        "score": about(110 * SCALE, 127.062 * SCALE),
    }


@pytest.mark.parametrize("short", ["seeds", "returns"])
def test_returns_without_a_seed_are_never_paired(short):
    whole = {"seeds": [1, 2, 3], "returns": [1.0, 2.0, 3.0]}
    with pytest.raises(ValueError, match="zip"):
        paired(whole, {**whole, short: whole[short][:2]}, HALFCHEETAH)


def reader(kind: str, **evidence):
    """A `read(kind, name)` that knows evidence of one kind, and that all evaluations were in HalfCheetah."""

    def read(asked_kind, name):
        assert asked_kind in (kind, "evaluations")
        return evidence[name] if asked_kind == kind else {"run": {"environment": "HalfCheetah-v4"}}

    return read


def test_targets_are_split_at_the_reach_of_the_data():
    got = {"a": (1000.0, 1000.0), "b": (2000.0, 2000.0), "c": (4000.0, 2000.0), "d": (8000.0, 4000.0)}
    read = reader(
        "evaluations",
        **{name: {"run": {"target_return": asked}, "values": {"returns": [r, r + 1]}} for name, (asked, r) in got.items()},
    )
    found = compare(runs.Slope("toy", ("a", "b", "c", "d"), reach=2000.0), read)
    # around the means 3750 and 2250 what was asked lies at -2750, -1750, 250, 4250 and what was got at -1250, -250, -250, 1750
    over, along = 2750 * 1250 + 1750 * 250 - 250 * 250 + 4250 * 1750, 2750**2 + 1750**2 + 250**2 + 4250**2
    assert found == {
        "seeds": 2,
        "targets": [1000.0, 2000.0, 4000.0, 8000.0],
        "all": about(over / along, 0),
        "inside": about(1.0, 0),
        "beyond": about(0.5, 0),
    }


def test_two_pools_are_compared_by_the_scores_of_their_seeds():
    read = reader(
        "pooled",
        one={"run": {"members": ["a"]}, "values": {"seed_means": [EXPERT, EXPERT + 100 / SCALE]}},
        other={"run": {"members": ["b"]}, "values": {"seed_means": [RANDOM, EXPERT]}},
    )
    found = compare(runs.Difference("toy", "one", "other"), read)
    # scores 100, 200 and 0, 100: variances 5000 and 5000, standard error sqrt(5000 / 2 + 5000 / 2), two degrees of freedom
    assert found == {"seeds": [2, 2], "score": about(100.0, 4.302653 * np.sqrt(5000))}


def test_two_evaluations_are_compared_in_pairs():
    one = {"run": {"environment": "HalfCheetah-v4"}, "values": {"seeds": [1, 2], "returns": [3.0, 5.0]}}
    other = {"values": {"seeds": [1, 2], "returns": [2.0, 2.0]}}
    found = compare(runs.PairedDifference("toy", "one", "other"), reader("evaluations", one=one, other=other))
    assert (found["episodes"], found["return"]) == (2, about(2.0, 12.7062))  # differences 1 and 3


def test_a_summary_counts_seeds_from_the_runs_first():
    later = dataclasses.replace(EVALUATION, first_seed=1000)
    assert summarize_returns(later, [0.0, 0.0])["seeds"] == [1000, 1001]


def test_a_rollout_tells_how_many_steps_it_took_what_they_earned_and_how_far_it_came():
    states = {"positions": np.array([[0.5, 9.0], [1.0, 9.0], [3.25, 9.0]]), "rewards": np.array([1.0, -0.5, 2.0])}
    assert rolled_out(states) == {"steps": 3, "return": 2.5, "distance_m": 2.75}


def test_what_a_training_came_to_is_the_last_point_of_its_curve():
    curve = [{"updates": 10, "loss": 3.0, "held_out_loss": 4.0}, {"updates": 20, "loss": 1.0, "held_out_loss": 2.0}]
    values = {"updates": 20, "parameters": 7, "loss": 9.0, "held_out_loss": 2.0, "curve": curve}
    assert trained(values) == {**values, "loss": 1.0}
    # a training that went on counts its own updates, and its curve those of before as well
    assert trained({**values, "updates": 5})["updates"] == 5
    assert trained({"steps": 0, "curve": []}) == {"steps": 0, "curve": []}


def made(kind: str, run) -> Recipe:
    return Recipe("toy", kind, "a verb", run, ())


def test_values_of_each_kind_are_derived_from_what_was_played_rounded_and_with_the_sums_of_files_beside_them(tmp_path):
    returns = derived(made("evaluations", EVALUATION), {"returns": [1.0, 2.0, 4.5], "sha256": {"a": "b"}}, tmp_path)
    assert returns["return_mean"] == 2.5 and returns["sha256"] == {"a": "b"}
    assert returns["score_mean"] == round((2.5 - RANDOM) * SCALE, 4)
    played = {"success": [1, 0], "length": [3, 49]}
    solved = derived(made("solved", SOLVING), {**played, "solved": 2, "length_mean": 1.0}, tmp_path)
    assert (solved["solved"], solved["length_mean"], "sha256" in solved) == (1, 26.0, False)
    assert derived(made("training", None), {"loss": 9.0, "curve": [{"loss": 1.00004}]}, tmp_path)["loss"] == 1.0
    assert derived(made("attention", None), {"share": 1.0}, tmp_path) is None


def test_pools_and_comparisons_are_derived_from_the_evidence_below_the_folder_they_are_written_to(tmp_path):
    for name, values in (("one", [0.0, 2.0]), ("other", [1.0, 3.0])):
        content = {
            "run": {"target_return": 1.0, "environment": "HalfCheetah-v4"},
            "made": {},
            "values": {"returns": values, "seeds": [7, 8]},
        }
        files.write_json(tmp_path / "results" / "evaluations" / f"{name}.json", content)
    pooled = derived(made("pooled", runs.Pool("toy", ("one", "other"))), {}, tmp_path)
    assert pooled["seed_means"] == [1.0, 2.0] and pooled["return_mean"] == 1.5
    apart = derived(made("compared", runs.PairedDifference("toy", "one", "other")), {"return": "forged"}, tmp_path)
    assert apart["return"] == {"mean": -1.0, "low": -1.0, "high": -1.0} and apart["episodes"] == 2
    states = {"positions": np.array([[0.0], [1.5]]), "rewards": np.array([1.0, 2.0])}
    recipe = Recipe("toy", "rollouts", "a verb", None, (), outputs=("results/rollouts/toy.npz",))
    (tmp_path / "results" / "rollouts").mkdir()
    np.savez(tmp_path / "results" / "rollouts" / "toy.npz", **states)
    assert derived(recipe, {"return": 99.0}, tmp_path) == {"steps": 2, "return": 3.0, "distance_m": 1.5}


def test_a_matrix_tells_every_trainings_score_what_all_logs_of_a_kind_come_to_and_what_is_gained_over_the_first_method():
    scored = {"a_bc": (1.0, 3.0), "b_bc": (11.0, 13.0), "a_dt": (4.0, 6.0), "b_dt": (14.0, 16.0)}
    evidence = {f"{name}_s{seed}": score for name, both in scored.items() for seed, score in enumerate(both)}

    def read(kind: str, name: str) -> dict:
        assert kind == "suite"
        return {"values": {"score_mean": evidence[name], "episodes": 10}}

    run = Matrix("toy", (("wide", ("a", "b")),), ("bc", "dt"), trainings=2, smallest=2.0)
    assert run.compared() == ("a_bc_s0", "a_bc_s1", "a_dt_s0", "a_dt_s1", "b_bc_s0", "b_bc_s1", "b_dt_s0", "b_dt_s1")
    found = compare(run, read)
    assert found["logs"]["b"] == {
        "bc": {"scores": [11.0, 13.0], "mean": 12.0, "low": 11.0, "high": 13.0},
        "dt": {"scores": [14.0, 16.0], "mean": 15.0, "low": 14.0, "high": 16.0},
    }
    assert found["together"]["wide"]["bc"]["mean"] == 7.0 and found["episodes"] == 10  # 1 and 13 are left out
    gain = found["gains"]["wide"]["dt"]
    assert (gain["mean"], gain["smallest"], gain["verdict"]) == (3.0, 2.0, "holds") and 0.0 < gain["low"] < gain["high"]
    assert compare(replace(run, smallest=4.0), read)["gains"]["wide"]["dt"]["verdict"] == "undecided"


def test_a_matrix_follows_from_the_projects_own_runs_wherever_it_is_written(tmp_path):
    recipe = recipes.COMPARISONS["suite"]
    assert not list(tmp_path.iterdir()) and derived(recipe, {}, tmp_path) == records.read(recipe.path())["values"]
