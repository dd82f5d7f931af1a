"""Logs of halves and of gambles, what is kept of episodes played on them, and what follows: by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline import PipelineError
from pipeline.data.episodes import Episodes
from pipeline.evidence import recipes, records
from pipeline.measures import collect_better, collect_twists, train_and_play, train_and_watch
from pipeline.statistics import summaries
from pipeline.study import comparisons, studies, suite, twists
from pipeline.worlds import environments, gamble
from pipeline.worlds.world import HALFCHEETAH, WORLDS

FEW = {"updates": 4, "interval_updates": 2, "batch_size": 8, "held_out_episodes": 2}
TINY = replace(suite.BRIEF["dt"], name="toy", data="toy", context_length=4, hidden_size=8, layers=1, warmup_updates=1, **FEW)


class Constant:
    """A policy whose torques are all alike."""

    def __init__(self, torque: float = 1.0):
        self.torque = torque

    def reset(self, seeds):
        self.count = len(seeds)

    def act(self, observations, rewards):
        return np.full((self.count, 6), self.torque, dtype=np.float32)


def acted(policy, seeds, steps: int) -> np.ndarray:
    """First torques (episode, step) of a policy."""
    policy.reset(seeds)
    return np.stack([policy.act(np.zeros((len(seeds), 17)), np.zeros(len(seeds)))[:, 0] for _ in range(steps)], axis=1)


def test_halves_are_scaled_by_two_factors_whose_order_alternates_from_seed_to_seed():
    policy = collect_twists.Halves(Constant(), (1.0, 0.5), first_seed=10, half=2)
    for _ in range(2):
        assert acted(policy, [10, 11, 13], 4).tolist() == [[1, 1, 0.5, 0.5], [0.5, 0.5, 1, 1], [0.5, 0.5, 1, 1]]


def test_in_the_opening_the_first_torque_says_whether_an_episode_gambles_every_second_does():
    policy = collect_twists.Opening(Constant(), first_seed=10)
    for _ in range(2):
        found = acted(policy, [10, 11], gamble.OPENING + 1)
        assert found[:, : gamble.OPENING].tolist() == [[0.5] * gamble.OPENING, [-0.5] * gamble.OPENING]
        assert found[:, gamble.OPENING].tolist() == [1, 1]


def test_recorders_take_turns_from_seed_to_seed():
    policy = collect_better.Turns([Constant(), Constant(0.25)], first_seed=10)
    for _ in range(2):
        assert acted(policy, [10, 11, 13, 14], 2).tolist() == [[1, 1], [0.25, 0.25], [0.25, 0.25], [1, 1]]


def log(actions: np.ndarray) -> Episodes:
    count, steps = actions.shape[:2]
    return Episodes(np.zeros((count, steps, 17), np.float32), actions, np.ones((count, steps), np.float32))


def test_a_log_of_luck_has_what_was_won_and_lost_at_the_end_of_the_opening(monkeypatch, tmp_path):
    actions = np.full((3, 20, 6), 0.5, np.float32)
    actions[2, :, 0] = -0.5
    monkeypatch.setattr(collect_twists, "collect", lambda run, policy, work: log(actions))
    monkeypatch.setattr(gamble, "lucky", lambda seeds: np.array([seed % 2 == 0 for seed in seeds]))
    run = replace(twists.LUCK, first_seed=10, episodes=3)
    whole, labels = collect_twists.luck(run, Constant(), tmp_path)
    assert whole.rewards[:, gamble.OPENING - 1].tolist() == [2001.0, -999.0, 1.0]
    assert whole.rewards.sum() == 60 + 2000 - 1000
    assert {name: values.tolist() for name, values in labels.items()} == {"gambled": [1, 1, 0], "won": [1, 0, 0]}


def test_of_a_log_of_halves_is_known_what_the_first_half_earned_and_which_factor_it_had(monkeypatch, tmp_path):
    monkeypatch.setitem(WORLDS, "HalfCheetah", replace(HALFCHEETAH, episode_steps=4))
    whole = log(np.zeros((3, 4, 6), np.float32))
    whole.rewards[1] = [2, 3, 5, 7]
    monkeypatch.setattr(collect_twists, "collect", lambda run, policy, work: whole)
    _, labels = collect_twists.halves(replace(twists.HALVES, episodes=3), Constant(), tmp_path)
    assert {name: values.tolist() for name, values in labels.items()} == {"first_factor": [1, 0.5, 1], "first_half": [2, 5, 2]}


def test_of_a_log_of_two_recorders_is_known_whose_each_episode_is_and_what_either_returned(monkeypatch, tmp_path):
    monkeypatch.setattr(collect_better.checkpoints, "load", lambda name, kind: {"medium": 1.0, "long": 0.25}[name])
    monkeypatch.setattr(collect_better, "BehaviourPolicy", Constant)

    def collect(run, policy, work):
        whole = log(acted(policy, range(run.first_seed, run.first_seed + run.episodes), 4)[:, :, None].repeat(6, axis=2))
        whole.rewards[:] = whole.actions[:, :, 0] * [[1], [1], [3], [3]]
        return whole

    monkeypatch.setattr(collect_better, "collect", collect)
    written = []
    monkeypatch.setattr(collect_better, "write", lambda recipe, whole, labels: written.append(labels))
    run = replace(twists.BETTER, behaviour="medium", better="long", episodes=4)
    values = collect_better.make(replace(recipes.TWISTED_LOGS[twists.BETTER.name], run=run)).values
    assert values["better"].tolist() == written[0]["better"].tolist() == [0, 1, 0, 1]
    assert values["returns"].tolist() == [4, 1, 12, 3]
    assert values["return_mean_by_recorder"] == {"medium": 8, "long": 2}


@pytest.fixture
def played(monkeypatch):
    """Episodes of four steps whose rewards are the seed's last digit, and whose first torque is what was asked for."""
    monkeypatch.setitem(WORLDS, "HalfCheetah", replace(HALFCHEETAH, episode_steps=4))

    def play(policy, environment, seeds, tick):
        policy.reset(seeds)
        actions = np.stack([policy.act(np.zeros((len(seeds), 17)), np.zeros(len(seeds))) for _ in range(4)], axis=1)
        rewards = np.array([[seed % 10, seed % 10, 1, 1] for seed in seeds], dtype=float)
        return {"rewards": rewards, "actions": actions}

    monkeypatch.setattr(environments, "play", play)


def test_what_the_first_half_earned_is_kept_and_whether_an_episode_gambled_in_the_order_of_the_seeds(played, monkeypatch):
    monkeypatch.setattr(gamble, "lucky", lambda seeds: np.array([seed == 201 for seed in seeds]))
    few = {"episodes": 3, "shard_episodes": 2}
    found = train_and_watch.watch(replace(twists.STITCHING[0], **few), Constant(), lambda: None)
    assert found == {"returns": [2.0, 4.0, 6.0], "first_half": [0.0, 2.0, 4.0]}
    found = train_and_watch.watch(replace(twists.LUCKY[0], **few), Constant(), lambda: None)
    assert found == {"returns": [2.0 - 1000, 4.0 + 2000, 6.0 - 1000], "gambled": [1, 1, 1]}


def test_who_gambles_is_shown_what_that_won_or_lost(monkeypatch):
    class Shown(Constant):
        """Keeps the rewards that it is shown."""

        rewards: list = []

        def act(self, observations, rewards):
            self.rewards.append(rewards.tolist())
            return super().act(observations, rewards)

    def play(policy, environment, seeds, tick):
        policy.reset(seeds)
        actions = [policy.act(np.zeros((len(seeds), 17)), np.zeros(len(seeds))) for _ in range(gamble.OPENING + 1)]
        return {"rewards": np.zeros((len(seeds), len(actions))), "actions": np.stack(actions, axis=1)}

    monkeypatch.setattr(environments, "play", play)
    monkeypatch.setattr(gamble, "lucky", lambda seeds: np.array([seed == 201 for seed in seeds]))
    policy = Shown()
    train_and_watch.watch(replace(twists.LUCKY[0], episodes=2, shard_episodes=2), policy, lambda: None)
    assert policy.rewards == [[0.0, 0.0]] * gamble.OPENING + [[-1000.0, 2000.0]]


def test_a_return_that_is_not_finite_is_refused(played, monkeypatch):
    nothing = lambda *_: {"returns": np.array([np.nan]), "first_half": np.array([0.0])}  # noqa: E731
    monkeypatch.setitem(train_and_watch.WATCHES, "stitching", nothing)
    with pytest.raises(PipelineError, match="local_dt_halfcheetah_halves: an episode's return is not finite"):
        train_and_watch.watch(twists.STITCHING[0], Constant(), lambda: None)


@pytest.mark.parametrize("kind", [twists.StitchingRun, twists.LuckRun])
def test_a_run_trains_and_is_played_for_every_ask_and_its_values_follow_from_its_episodes(kind, monkeypatch, tmp_path):
    monkeypatch.setitem(WORLDS, "HalfCheetah", replace(HALFCHEETAH, episode_steps=12))
    generator = np.random.default_rng(0)
    whole = log(generator.uniform(-1, 1, size=(10, 12, 6)).astype(np.float32))
    whole.observations[:] = generator.normal(size=whole.observations.shape)
    monkeypatch.setattr(train_and_watch, "whole_dataset", lambda run: whole)
    run = kind("toy", TINY, episodes=3, shard_episodes=2, asks=(5.0, 500_000.0))
    recipe = recipes.recipe_of(run)
    values = train_and_watch.make(recipe, tmp_path).values
    assert [each["asked"] for each in values["asks"]] == [5.0, 500_000.0] and values["seeds"] == [200, 201, 202]
    assert values["episodes"] == 3 and len(values["weights_sha256"]) == 64 and values["updates"] == 4
    assert values["asks"][0]["returns"] != values["asks"][1]["returns"], "each ask is played"
    assert summaries.derived(recipe, values, tmp_path) == values
    assert train_and_watch.make(recipe, tmp_path / "again").values == values


def test_it_is_the_training_of_the_matrix(monkeypatch):
    assert train_and_watch.weights_sha256 is train_and_play.weights_sha256


RUN = replace(twists.LUCKY[0], first_seed=5)
KEPT = {"asked": 1.0, "returns": [0.0, 2.0, 4.0, 6.0], "gambled": [1, 0, 0, 0]}


def test_means_follow_with_their_intervals_and_shares_with_wilsons():
    found = summaries.watched(RUN, {"asks": [KEPT]})
    assert found["episodes"] == 4 and found["seeds"] == [5, 6, 7, 8]
    (ask,) = found["asks"]
    assert ask.items() >= KEPT.items()
    # sd of 0, 2, 4, 6 is 2.58, t of 3 degrees 3.182: 3 +- 3.182 * 2.582 / 2
    assert ask["returns_mean"] == pytest.approx({"mean": 3.0, "low": -1.108, "high": 7.108}, abs=1e-3)
    # (1 + 1.92) / 7.84 +- 1.96 / 7.84 * sqrt(3 / 4 + 0.96)
    assert ask["gambled_mean"] == pytest.approx({"mean": 0.25, "low": 0.0456, "high": 0.6994}, abs=1e-3)


def evidence(**asks) -> dict:
    asked = [{"returns": [12135.0, 12135.0], **kept} for kept in asks.values()]
    return {"run": {"environment": "HalfCheetah-v4"}, "values": {"asks": asked}}


def effect(run, one: dict, other: dict | None = None) -> dict:
    found = {run.one: one, run.other: other or one}
    return records.plain(summaries.compare(run, lambda kind, name: found[name]))


def test_an_effect_is_a_difference_seed_by_seed_of_one_ask_less_another():
    run = twists.LuckEffect("x", "a", "b", 1, 0, "gambled", 0.2)
    one = evidence(first={"gambled": [1, 1]}, second={"gambled": [1, 0]})
    other = evidence(first={"gambled": [0, 1]}, second={"gambled": [1, 1]})
    found = effect(run, one, other)
    assert found["difference"]["mean"] == 0.0 and found["seeds"] == 2 and found["verdict"] == "undecided", "1 - 0 and 0 - 1"
    assert effect(replace(run, one="a", other="a"), one)["difference"]["mean"] == -0.5, "1 - 1 and 0 - 1"


def test_returns_are_compared_as_scores_and_with_the_best_episode_of_a_log():
    run = twists.WatchedEffect("x", "a", "b")
    least = evidence(only={"returns": [-280.178953, 12135.0]})
    assert effect(run, evidence(only={}), least)["difference"]["mean"] == 50.0, "100 less 0, and less 100"
    best = twists.BeyondBest("x", "a", "log")
    found = effect(best, evidence(only={}), {"values": {"return_max": 5927.410523}})
    assert found["difference"]["mean"] == pytest.approx(50.0) and found["verdict"] == "holds"


def test_a_slope_is_of_what_was_got_over_what_was_asked_seed_by_seed():
    asks = [{"asked": asked, "returns": got} for asked, got in ((0.0, [1.0, 1.0]), (10.0, [11.0, 6.0]), (20.0, [21.0, 11.0]))]
    found = summaries.compare(twists.WatchedSlope("x", "a"), lambda kind, name: {"values": {"asks": asks}})
    assert found["slopes"].tolist() == [1.0, 0.5] and found["slope"]["mean"] == 0.75 and found["seeds"] == 2
    assert found["targets"] == [0.0, 10.0, 20.0] and found["got"].tolist() == [1.0, 8.5, 16.0]
    assert found["verdict"] == "undecided", "two seeds so far apart tell nothing"


def test_p_values_of_a_slope_are_of_a_half_and_of_a_tenth():
    asks = [{"asked": asked, "returns": [0.2 * asked, 0.5 * asked]} for asked in (0.0, 10.0)]
    found = summaries.compare(twists.WatchedSlope("x", "a"), lambda kind, name: {"values": {"asks": asks}})
    # slopes 0.2 and 0.5: mean 0.35, standard error 0.15, one degree of freedom, whose t is Cauchy's
    assert found["p_obeys"] == pytest.approx(0.5 + np.arctan((0.5 - 0.35) / 0.15) / np.pi)
    assert found["p_deaf"] == pytest.approx(0.5 + np.arctan((0.35 - 0.1) / 0.15) / np.pi)


def test_trainings_that_are_stopped_are_the_published_one_but_for_their_length():
    assert [run.training.updates for run in twists.STEADY] == [1000, 3000, 10_000]
    for run in twists.STEADY:
        published = replace(studies.DECISION_TRANSFORMERS[-1], name=run.name, data=twists.THROTTLED, snapshots=())
        assert run.training == replace(published, updates=run.training.updates) and run.asks == twists.QUANTILES


def test_the_actor_beside_a_search_is_of_its_critics_own_training():
    actor, critics = vars(studies.ACTOR), vars(studies.CRITIC)
    assert {name for name in actor if actor[name] != critics[name]} == {"name"} and actor.keys() == critics.keys()
    played = [run for run in studies.EVALUATIONS if getattr(run, "checkpoint", None) == studies.ACTOR.name]
    assert [(run.first_seed, run.episodes) for run in played] == [(studies.VALUED.first_seed, studies.VALUED.episodes)]


def test_asks_are_those_of_the_logs():
    quantiles = records.read(recipes.SUITE_LOGS[twists.THROTTLED].path())["values"]["return_quantiles"]
    assert tuple(round(quantiles[str(percent)], 1) for percent in studies.PERCENTILES) == twists.QUANTILES
    assert twists.ASKS[twists.THROTTLED] == tuple(round(quantiles[percent], 1) for percent in ("50", "99"))
    halves = records.read(recipes.TWISTED_LOGS[twists.HALVES.name].path())["values"]
    returns, factor, first = (np.array(halves[name]) for name in ("returns", "first_factor", "first_half"))
    good = np.where(factor == 1, first, returns - first)
    told = np.median(returns), returns.max(), 2 * good.mean()
    assert twists.ASKS[twists.HALVES.name] == tuple(round(each) for each in told)
    luck = records.read(recipes.TWISTED_LOGS[twists.LUCK.name].path())["values"]
    returns, gambled, won = (np.array(luck[name]) for name in ("returns", "gambled", "won"))
    parts = (returns[(gambled == 1) & (won == 0)], returns[gambled == 0], returns[won == 1])
    assert twists.ASKS[twists.LUCK.name] == tuple(round(np.median(part)) for part in parts)
    better = records.read(recipes.TWISTED_LOGS[twists.BETTER.name].path())["values"]
    assert twists.ASKS[twists.BETTER.name] == (round(max(better["returns"])),)


def test_a_log_of_two_recorders_depends_on_both_and_all_methods_learn_from_it():
    inputs = twists.BETTER.inputs(recipes.find)
    both = ("local_sac_halfcheetah_medium", "local_sac_halfcheetah_long")
    assert all(f"checkpoints/{name}/model.safetensors" in inputs for name in both)
    found = {run.method: run.asks for run in twists.STITCHING if run.data == twists.BETTER.name}
    asked = twists.ASKS[twists.BETTER.name]
    assert found == {"dt": asked, "rvs": asked, "bc": (None,), "bc10": (None,), "td3_bc": (None,)}


def test_what_asking_brings_on_a_better_half_is_judged_by_the_bars_of_its_rows():
    ends = {run.name: (run.one, run.other, run.smallest) for run in twists.EFFECTS if run.name.startswith("better_")}
    name = "local_{}_halfcheetah_better".format
    assert ends == {
        "better_dt_over_bc": (name("dt"), name("bc"), 5.0),
        "better_rvs_over_bc": (name("rvs"), name("bc"), 5.0),
        "better_bc10_over_bc": (name("bc10"), name("bc"), 5.0),
        "better_dt_over_bc10": (name("dt"), name("bc10"), 2.0),
        "better_rvs_over_bc10": (name("rvs"), name("bc10"), 2.0),
    }


def test_samples_that_go_on_have_the_next_seeds_of_the_same_runs():
    played = {run.name: run for run in studies.EVALUATIONS}
    went_on = [run for run in studies.COMPARISONS if isinstance(run, comparisons.FurtherEffect)]
    assert len(went_on) == 5
    for effect in went_on:
        for first, further in ((effect.one, effect.further_one), (effect.other, effect.further_other)):
            assert further == f"{first}_further"
            assert (played[first].first_seed, played[first].episodes) == (200, 20)
            assert played[further] == replace(played[first], name=further, first_seed=220, episodes=48)
