"""What an interval decides, at the ends of each rule and by hand."""

import numpy as np
import pytest
from scipy import stats

from pipeline.statistics import verdicts


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.51, 0.9, "obeys"),
        (0.5, 0.9, "undecided"),
        (-0.2, 0.09, "deaf"),
        (-0.2, 0.1, "undecided"),
        (0.2, 0.4, "undecided"),
        (0.0, 0.0, "deaf"),
    ],
)
def test_a_slope_obeys_above_a_half_and_is_deaf_below_a_tenth(low, high, said):
    assert verdicts.follows(low, high) == said


@pytest.mark.parametrize(
    ("mean", "low", "high", "said"),
    [
        (2.0, 1.0, 3.0, "holds"),
        (0.5, 0.4, 0.6, "undecided"),  # beyond 0, but not beyond what matters
        (0.3, 0.2, 0.4, "no effect"),
        (0.0, -0.4, 0.4, "no effect"),
        (0.0, -0.5, 0.4, "undecided"),
        (0.0, -0.4, 0.5, "undecided"),
        (2.0, 0.0, 4.0, "undecided"),
        (-2.0, -3.0, -1.0, "refuted"),
        (-0.5, -0.6, -0.4, "undecided"),
        (-2.0, -4.0, 0.0, "undecided"),
    ],
)
def test_an_effect_holds_beyond_zero_and_beyond_what_matters_and_there_is_none_within(mean, low, high, said):
    assert verdicts.effect(mean, low, high, 0.5) == said


def test_a_verdict_far_from_its_bar_is_given_again_and_one_at_it_about_every_other_time():
    follows = lambda mean, low, high: verdicts.follows(low, high)  # noqa: E731
    assert verdicts.rerun(np.linspace(0.9, 1.1, 50), follows) == 1.0
    # the low end of the interval is the bar itself, and no resample's spread leans to either side
    samples = np.linspace(-1, 1, 101)
    half = stats.t.ppf(0.975, 100) * samples.std(ddof=1) / np.sqrt(101)
    assert 0.4 < verdicts.rerun(samples + half + 0.5 + 1e-9, follows) < 0.6


def test_without_spread_every_rerun_gives_the_same_verdict():
    assert verdicts.rerun([0.25, 0.25, 0.25], lambda mean, low, high: verdicts.follows(low, high)) == 1.0


def test_the_same_samples_have_the_same_chance_of_a_rerun_each_time():
    follows = lambda mean, low, high: verdicts.follows(low, high)  # noqa: E731
    samples = [0.2, 0.9, 0.7, 1.1]
    assert verdicts.rerun(samples, follows) == verdicts.rerun(samples, follows)


def test_a_resample_has_the_interval_that_samples_of_its_own_would_have():
    # of 0, 0 and 1.2 a resample with one 1.2 has a mean of 0.4 and a deviation of 1.2 / sqrt(3)
    asked = []
    verdicts.rerun([0.0, 0.0, 1.2], lambda *ends: asked.extend(np.transpose(np.round(ends, 4)).reshape(-1, 3).tolist()) or "x")
    half = 4.302653 * (1.2 / np.sqrt(3)) / np.sqrt(3)
    assert set(map(tuple, asked)) == {
        (0.0, 0.0, 0.0), (0.4, round(0.4 - half, 4), round(0.4 + half, 4)),
        (0.8, round(0.8 - half, 4), round(0.8 + half, 4)), (1.2, 1.2, 1.2),
    }  # fmt: skip


def test_a_rerun_draws_units_with_replacement():
    # of two values 0 and 4 a resample is (0, 0), (0, 4), (4, 0) or (4, 4); the interval of a mixed one holds both bars
    found = verdicts.rerun([0.0, 4.0], lambda mean, low, high: verdicts.follows(low, high))
    assert found == pytest.approx(0.5, abs=0.04)


def test_p_values_are_students():
    samples = [1.0, 2.0, 4.0, 5.0]
    assert verdicts.p_above(samples, 1.0) == pytest.approx(stats.ttest_1samp(samples, 1.0, alternative="greater").pvalue)
    assert verdicts.p_below(samples, 4.0) == pytest.approx(stats.ttest_1samp(samples, 4.0, alternative="less").pvalue)
    assert verdicts.p_above(samples, 3.0) == verdicts.p_below(samples, 3.0) == 0.5  # at the mean


def test_equivalence_is_as_sure_as_the_less_sure_of_both_sides():
    samples = [-0.1, 0.0, 0.2, 0.1]  # mean 0.05: nearer to the upper bound
    upper = stats.ttest_1samp(samples, 0.5, alternative="less").pvalue
    assert verdicts.p_within(samples, 0.5) == pytest.approx(upper)
    assert verdicts.p_within(samples, 0.01) > 0.5


def test_without_spread_a_mean_is_beyond_a_bound_or_not():
    assert [verdicts.p_above([2.0, 2.0], bound) for bound in (1.0, 2.0, 3.0)] == [0.0, 1.0, 1.0]
    assert verdicts.p_below([0.0, 0.0], 0.1) == 0.0


def test_holm_multiplies_the_smallest_by_all_claims_and_never_falls():
    # 6 · 0.001, 5 · 0.02, and 4 · 0.021 = 0.084, which is not below the one before it
    found = verdicts.holm({"b": 0.02, "a": 0.001, "c": 0.021}, 6)
    assert found == pytest.approx({"a": 0.006, "b": 0.1, "c": 0.1})
    assert verdicts.holm({"a": 0.4}, 6) == {"a": 1.0}


def test_pairs_that_differ_have_an_exact_p_value_whichever_way_they_differ():
    assert verdicts.mcnemar(9, 1) == verdicts.mcnemar(1, 9) == pytest.approx(2 * (1 + 10) / 2**10)
    assert verdicts.mcnemar(5, 0) == pytest.approx(2 / 2**5)
    assert verdicts.mcnemar(3, 3) == verdicts.mcnemar(0, 0) == 1.0
