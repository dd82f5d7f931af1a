"""Verdicts on reproduced results: each of them can be reached, and a changed result cannot pass."""

import dataclasses
import io
import json
import threading

import numpy as np
import pytest
from PIL import Image

from pipeline import files
from pipeline.evidence import arrays, machines, recipes, records
from pipeline.graph import judging, replay, reproduce
from pipeline.statistics import summaries
from pipeline.worlds.world import HALFCHEETAH

EVALUATION = recipes.EVALUATIONS["local_random_halfcheetah"]
SOLVING = recipes.SOLVINGS["local_random_go_to_local_s7n5"]
RETURNS = [4700.0, 4750.0, 4800.0, 4650.0, 4725.0, 4775.0, 4690.0, 4810.0, 4740.0, 4760.0]


def evaluated(returns):
    return records.plain(summaries.summarize_returns(EVALUATION.run, returns))


def solved(success, length):
    return records.plain(summaries.summarize_solved(SOLVING.run, {"success": success, "length": length}))


PUBLISHED = evaluated(RETURNS)


@pytest.mark.parametrize("alike", [True, False, None])
def test_the_same_returns_are_identical_on_any_machine_and_it_is_said_how_many_were_not_played(alike):
    verdict, detail = judging.judge_episodes(EVALUATION, PUBLISHED, evaluated(RETURNS[:5]), alike)
    assert verdict == "identical" and "n = 5, 5 episodes not played again" in detail


@pytest.mark.parametrize(
    ("alike", "verdict"), [(True, "not reproduced"), (False, "statistically compatible"), (None, "statistically compatible")]
)
def test_returns_of_the_same_distribution_are_compatible_unless_the_machine_rounds_alike(alike, verdict):
    again = evaluated([value + 20 for value in RETURNS[:5]])
    assert judging.judge_episodes(EVALUATION, PUBLISHED, again, alike)[0] == verdict


def test_other_returns_are_not_reproduced():
    again = evaluated([value - 400 for value in RETURNS[:5]])
    assert judging.judge_episodes(EVALUATION, PUBLISHED, again, False)[0] == "not reproduced"


@pytest.mark.parametrize(("added", "reason"), [(30_000, "no episode has the return of seed 105"), (3000, "unlike the others")])
def test_returns_beyond_the_first_shard_that_cannot_be_or_are_unlike_the_others_are_not_reproduced(added, reason):
    forged = evaluated(RETURNS[:5] + [value + added for value in RETURNS[5:]])
    verdict, detail = judging.judge_episodes(EVALUATION, forged, evaluated(RETURNS[:5]), True)
    assert verdict == "not reproduced" and reason in detail


@pytest.mark.parametrize(
    ("success", "length", "reason"),
    [
        ([1, 1, 0, 0], [5, 6, 49, 49], None),
        ([1, 1, 0, 0], [5, 6, 49, 48], "seed 103"),  # who fails has used all the time there is
        ([1, 1, 0, 0], [5, 50, 49, 49], "seed 101"),
        ([1, 0, 0, 2], [5, 49, 49, 49], "seed 103"),
    ],
)
def test_an_episode_on_a_grid_ends_solved_or_at_the_end_of_its_time(success, length, reason):
    found = judging.impossible(SOLVING, solved(success, length))
    assert found is None if reason is None else reason in found


def test_one_episode_solved_more_is_identical_nowhere_and_compatible_elsewhere():
    published, again = solved([1, 1, 0, 0], [5, 6, 49, 49]), solved([1, 1, 1, 0], [5, 6, 9, 49])
    assert judging.judge_episodes(SOLVING, published, again, True)[0] == "not reproduced"
    assert judging.judge_episodes(SOLVING, published, again, False)[0] == "statistically compatible"


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        ({"share": [0.5, 0.25]}, "identical"),
        ({"share": [0.5, 0.2504]}, "equal within tolerance"),
        ({"share": [0.5, 0.26]}, "not reproduced"),
        ({"share": [0.5]}, "not reproduced"),
        ({"other": [0.5, 0.25]}, "not reproduced"),
        ({"share": ["0.5", 0.25]}, "not reproduced"),
        ({"share": [0.5, float("nan")]}, "not reproduced"),
    ],
)
def test_values_are_held_against_the_tolerance(other, verdict):
    assert judging.judge_values({"share": [0.5, 0.25]}, other)[0] == verdict


def test_no_tolerance_is_given_to_a_machine_that_rounds_alike():
    assert judging.judge_values({"share": [0.5]}, {"share": [0.5001]}, alike=True)[0] == "not reproduced"


def test_arrays_are_values_too_and_the_place_of_a_difference_is_named():
    published = {"mean": 0.5, "map": np.array([[0.25, 0.75]])}
    assert judging.judge_values(published, {"mean": 0.5, "map": np.array([[0.25, 0.75]])}, True)[0] == "identical"
    verdict, detail = judging.judge_values(published, {"mean": 0.5, "map": np.array([[0.25, 0.76]])}, True)
    assert verdict == "not reproduced" and detail.startswith("map ")
    assert judging.same_numbers(published["map"], published["map"].astype(np.float32)) == np.inf


def test_hashes_of_files_do_not_decide():
    assert judging.same_numbers({"x": 1.0, "sha256": {"a": "1"}}, {"x": 1.0, "sha256": {"a": "2"}}) == 0.0


@pytest.mark.parametrize(
    ("again", "verdict"),
    [
        ({"median_ms": 2.0, "p95_ms": 3.0}, "statistically compatible"),
        ({"median_ms": 5.0, "p95_ms": 8.0}, "statistically compatible"),
        ({"median_ms": 7.0, "p95_ms": 8.0}, "not reproduced"),
        ({"median_ms": 2.0, "p95_ms": 9.5}, "not reproduced"),
        ({"median_ms": 2.0, "p95_ms": 3.0, "actions": 99}, "not reproduced"),
    ],
)
def test_both_times_are_compatible_within_a_factor_of_three_and_all_else_is_identical(again, verdict):
    published = {"actions": 100, "median_ms": 2.0, "p95_ms": 3.0}
    assert judging.judge_latency(published, {"actions": 100, **again})[0] == verdict


def test_a_median_above_its_95th_percentile_is_no_time():
    assert judging.judge_latency({"median_ms": 2.0, "p95_ms": 1.0}, {"median_ms": 2.0, "p95_ms": 1.0})[0] == "not reproduced"


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(1.0, 3.0, "identical"), (2.5, 4.0, "statistically compatible"), (3.1, 4.0, "not reproduced")]
)
def test_intervals_that_overlap_are_compatible_wherever_they_lie_in_the_tree(low, high, verdict):
    published = {"plans": 2, "steps": [{"mean": 2.0, "low": 1.0, "high": 3.0}, {"mean": 0.0, "low": 0.0, "high": 0.0}]}
    again = {
        "plans": 2,
        "steps": [{"mean": (low + high) / 2, "low": low, "high": high}, {"mean": 0.0, "low": 0.0, "high": 0.0}],
    }
    found, detail = judging.judge_intervals(published, again)
    assert found == verdict and (verdict == "identical" or "steps 0" in detail)
    assert judging.judge_intervals(published, {**again, "plans": 3})[0] == "not reproduced"


def test_seeds_of_other_means_are_pooled_compatibly_and_other_rows_are_not_reproduced():
    def row(means, episodes=10):
        values = [{"returns": [mean] * episodes} for mean in means]
        return records.plain(summaries.pool(values, HALFCHEETAH))

    published = row([4700.0, 4750.0, 4800.0])
    assert judging.judge_pool(published, row([4700.0, 4750.0, 4800.0]))[0] == "identical"
    assert judging.judge_pool(published, row([4710.0, 4750.0, 4800.0], 5))[0] == "statistically compatible"
    assert judging.judge_pool(published, row([710.0, 750.0, 800.0], 5))[0] == "not reproduced"
    assert judging.judge_pool(published, row([4710.0, 4750.0, 4800.0]), alike=True)[0] == "not reproduced"


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ({"step": 1e-13, "action": 9e-6, "same": 0.0, "in_tokens": False}, "equal within tolerance"),
        ({"step": 1e-13, "action": 2e-5, "same": 1.0, "in_tokens": False}, "not reproduced"),
        ({"step": 2e-9, "action": 0.0, "same": 1.0, "in_tokens": False}, "not reproduced"),
        ({"step": 0.0, "action": 0.7, "same": 0.91, "in_tokens": True}, "equal within tolerance"),
        ({"step": 0.0, "action": 0.7, "same": 0.89, "in_tokens": True}, "not reproduced"),
    ],
)
def test_elsewhere_a_rollout_is_judged_by_single_steps_and_single_actions(found, verdict):
    states = {"actions": np.zeros((2, 6))}
    other = {"actions": np.ones((2, 6))}
    assert judging.judge_rollout(states, other, False, lambda: {"steps": 300, **found})[0] == verdict
    assert judging.judge_rollout(states, other, True, None)[0] == "not reproduced"
    assert judging.judge_rollout(states, states, None, None)[0] == "identical"


def picture(color: int, spot: int | None = None) -> bytes:
    pixels = np.full((4, 6, 3), color, dtype=np.uint8)
    if spot is not None:
        pixels[1, 2] = spot
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("again", "verdict"),
    [
        (picture(200), "identical"),
        (picture(200, spot=204), "equal within tolerance"),
        (picture(200, spot=100), "not reproduced"),
    ],
)
def test_a_picture_painted_over_is_told_by_one_pixel(again, verdict):
    assert judging.judge_picture(picture(200), again)[0] == verdict


@pytest.mark.parametrize(
    ("again", "verdict"),
    [
        ('<svg><path d="M 10 20.04 L 3 4" fill="#d55e00"/></svg>', "equal within tolerance"),
        ('<svg><path d="M 10 25 L 3 4" fill="#d55e00"/></svg>', "not reproduced"),
        ('<svg><path d="M 10 20 L 3 4" fill="#0072b2"/></svg>', "not reproduced"),
        ('<svg><path d="M 10 20 L 3 4 L 3 4" fill="#d55e00"/></svg>', "not reproduced"),
        ("\x89PNG", "not reproduced"),
    ],
)
def test_a_drawing_is_held_word_by_word_and_number_by_number(again, verdict):
    assert judging.judge_picture(b'<svg><path d="M 10 20 L 3 4" fill="#d55e00"/></svg>', again.encode())[0] == verdict


def test_a_moving_picture_is_held_frame_by_frame_and_at_its_pace():
    def moving(colors, milliseconds):
        images = [Image.new("RGB", (3, 2), (color, 0, 0)) for color in colors]
        buffer = io.BytesIO()
        images[0].save(buffer, "GIF", save_all=True, append_images=images[1:], duration=milliseconds)
        return buffer.getvalue()

    assert judging.judge_picture(moving([1, 2], 50), moving([1, 2], 50))[0] == "identical"
    assert judging.judge_picture(moving([1, 2], 50), moving([1, 200], 50))[0] == "not reproduced"
    assert judging.judge_picture(moving([1, 2], 50), moving([1, 2], 100))[0] == "not reproduced"
    assert judging.judge_picture(moving([1, 2], 50), moving([1, 2, 3], 50))[0] == "not reproduced"


def test_the_random_rollout_replays_step_by_step_and_a_changed_position_or_action_does_not():
    recipe = recipes.ROLLOUTS["local_random_halfcheetah"]
    assert judging.judge_steps(replay.rollout(recipe))[0] == "equal within tolerance"
    states = arrays.read(recipe)
    states["positions"][200, 3] += 1e-6
    assert replay.one_step("HalfCheetah-v4", recipe.run.seed, states) > judging.ONE_STEP


def test_a_result_that_cannot_be_made_again_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce, "INTO", tmp_path)
    with pytest.raises(Exception, match="evaluations/nothing could not be made again: .*nothing"):
        reproduce.again(dataclasses.replace(EVALUATION, name="nothing"), every_shard=False)


def test_a_short_evaluation_reproduces_its_published_returns_and_forged_ones_do_not(tmp_path, monkeypatch):
    again, committed = tmp_path / "again", tmp_path / "committed"
    monkeypatch.setattr(reproduce, "INTO", again)
    assert reproduce.again(EVALUATION, every_shard=False) > 0
    verdict, detail = reproduce.judge(EVALUATION)
    assert verdict in ("identical", "statistically compatible"), detail
    content = records.read(EVALUATION.path())

    def forged(**values) -> judging.Verdict:
        records.write_sealed(EVALUATION.path(committed), {**content, "values": {**content["values"], **values}})
        return judging.judge(EVALUATION, again, root=committed)

    assert forged()[0] == verdict
    assert forged(score_mean=99.9) == ("not reproduced", "score_mean does not follow from what was played")
    returns = content["values"]["returns"]
    assert forged(**evaluated([*returns[:5], *(value + 3000 for value in returns[5:])]))[0] == "not reproduced"
    assert forged(**evaluated([returns[0] + 5000, *returns[1:]]))[0] == "not reproduced"
    assert records.read(EVALUATION.path()) == content, "what is published is left alone"


def test_only_results_found_identical_that_name_no_machine_are_stamped_and_nothing_else_in_them_changes(tmp_path, monkeypatch):
    kept = {
        name: recipes.EVALUATIONS[name]
        for name in ("local_random_halfcheetah", *(f"local_bc_halfcheetah_s{seed}" for seed in range(3)))
    }
    moved = [dataclasses.replace(recipe) for recipe in kept.values()]
    monkeypatch.setattr(recipes.Recipe, "path", lambda recipe, root=tmp_path: tmp_path / f"{recipe.name}.json")
    before = {}
    for recipe in moved:
        before[recipe.name] = json.loads((files.ROOT / "results" / "evaluations" / f"{recipe.name}.json").read_text())
        before[recipe.name]["made"].pop("machine", None)
        records.write_sealed(recipe.path(), before[recipe.name])
    monkeypatch.setattr(recipes, "measured", lambda source: moved)
    verdicts = [
        {"result": f"evaluations/{name}", "verdict": verdict}
        for name, verdict in zip(kept, ("identical", "identical", "identical", "statistically compatible"), strict=True)
    ]
    assert reproduce.stamp(verdicts, "local") == 2
    for recipe, stamped in zip(moved, (False, True, True, False), strict=True):  # random play's digits are no machine's
        content = records.read(recipe.path())
        assert records.sealed(content) == content["made"]["sha256"]
        assert machines.rounds_alike(content["made"]) is (True if stamped else None)
        assert content["values"] == before[recipe.name]["values"] and content["run"] == before[recipe.name]["run"]
    assert reproduce.stamp(verdicts, "local") == 0


def result(name: str, seconds: float, kind: str = "attention", inputs: tuple[str, ...] = ()) -> recipes.Recipe:
    """A result that takes so long to make again."""
    return dataclasses.replace(EVALUATION, name=name, kind=kind, seconds=seconds, inputs=inputs)


def drawn(results: list[recipes.Recipe], minutes: float, seed: int = 0) -> list[str]:
    return [recipe.name for recipe in reproduce.draw(results, False, minutes, seed)]


def test_a_draw_holds_all_that_is_quick_and_of_the_rest_what_fits_in_the_time_of_all_cores(monkeypatch):
    monkeypatch.setattr(reproduce.os, "cpu_count", lambda: 2)
    quick, slow = [result(f"quick{each}", 10.0) for each in range(3)], [result(f"slow{each}", 60.0) for each in range(6)]
    mixed = [slow[0], *quick, *slow[1:]]
    for seed in range(20):  # two minutes of two cores: 240 seconds less 30 that the quick ones take
        found = drawn(mixed, 2, seed)
        assert len(found) == 6 and set(found) >= {"quick0", "quick1", "quick2"}
        assert found == [recipe.name for recipe in mixed if recipe.name in found], "in the order that they had"
    assert set().union(*(drawn(mixed, 2, seed) for seed in range(20))) == {recipe.name for recipe in mixed}
    assert drawn(mixed, 2, 3) == drawn(mixed, 2, 3)
    assert len({tuple(drawn(mixed, 2, seed)) for seed in range(20)}) > 5


def test_what_is_too_long_leaves_room_for_what_is_not_and_no_minutes_make_everything(monkeypatch):
    monkeypatch.setattr(reproduce.os, "cpu_count", lambda: 1)
    mixed = [result("long", 600.0), result("short", 59.0), result("quick", 1.0)]
    assert all(drawn(mixed, 1, seed) == ["short", "quick"] for seed in range(5))
    assert drawn(mixed, 0) == ["long", "short", "quick"]
    assert all(drawn(mixed, 0.001, seed) == ["quick"] for seed in range(5))


def test_the_longest_begins_what_follows_waits_what_is_timed_is_last_and_each_is_judged_once(monkeypatch):
    monkeypatch.setattr(reproduce.os, "cpu_count", lambda: 1)
    order = []
    monkeypatch.setattr(reproduce, "tried", lambda recipe, every_shard: order.append(recipe.name) or (1.0, None))
    monkeypatch.setattr(reproduce, "judge", lambda recipe: ("identical", ""))
    monkeypatch.setattr(reproduce, "entry", lambda recipe, verdict, detail: {"result": recipe.name, "verdict": verdict})
    kinds = {"timed": "latency", "held": "compared", "short": "evaluations", "pool": "pooled", "long": "evaluations"}
    seconds = {"long": 9.0, "short": 1.0}
    found = reproduce.reproduce([result(name, seconds.get(name, 1.0), kind) for name, kind in kinds.items()], False)
    assert order == ["long", "short", "pool", "held", "timed"]
    assert [(each["result"], each["verdict"]) for each in found] == [(name, "identical") for name in order]


def test_what_is_timed_has_all_cores_to_itself(monkeypatch):
    monkeypatch.setattr(reproduce.os, "cpu_count", lambda: 4)
    assert drawn([result("timed", 30.0, "latency")], 0.49) == [] and drawn([result("timed", 30.0, "latency")], 0.5) == ["timed"]
    assert drawn([result("timed", 30.0)], 0.2) == ["timed"]


def test_what_follows_is_drawn_with_all_that_it_follows_from_or_where_that_is_there(monkeypatch):
    monkeypatch.setattr(reproduce.os, "cpu_count", lambda: 1)
    below = [result(name, 50.0, "evaluations") for name in ("one", "other")]
    reads = tuple(f"results/evaluations/{recipe.name}.json" for recipe in below)
    pool = result("pool", 1.0, "pooled", (*reads, "results/evaluations/of_another_source.json"))
    more = result("more", 1.0, "compared", ("results/pooled/pool.json",))
    alone = result("alone", 1.0, "compared", reads[:1])
    every = [*below, pool, more, alone]
    assert drawn(every, 2) == ["one", "other", "pool", "more", "alone"]
    found = {tuple(drawn(every, 1, seed)) for seed in range(30)}
    assert found == {("one", "alone"), ("other",)}, "no pool, for both that it follows from take longer"
    assert drawn([below[0], alone], 50 / 60) == ["one", "alone"], "what follows takes no time"
    assert reproduce.lot(more, {recipe.path(): recipe for recipe in every}) == {each.path() for each in (*below, pool, more)}


def test_what_is_not_drawn_must_be_right_as_far_as_that_is_seen_without_playing(tmp_path, monkeypatch):
    content = records.read(EVALUATION.path())
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(recipes.Recipe, "path", lambda recipe, root=tmp_path: tmp_path / f"{recipe.name}.json")
    assert reproduce.not_drawn(EVALUATION) == ("not run", "not drawn this time"), "nothing is published"

    def forged(**values) -> judging.Verdict:
        records.write_sealed(EVALUATION.path(), {**content, "values": {**content["values"], **values}})
        return reproduce.not_drawn(EVALUATION)

    assert forged() == ("not run", "not drawn this time")
    name = f"{EVALUATION.name}.json"
    assert forged(score_mean=99.9) == ("not reproduced", f"{name}: score_mean does not follow from what was played")
    returns = content["values"]["returns"]
    impossible = evaluated([30_000.0, *returns[1:]])
    assert forged(**impossible) == ("not reproduced", f"{name}: no episode has the return of seed 100")
    records.write_sealed(EVALUATION.path(), {**content, "values": []})
    assert reproduce.not_drawn(EVALUATION)[0] == "not reproduced"
    following = dataclasses.replace(EVALUATION, name="gone", kind="pooled")
    assert reproduce.not_drawn(following) == ("not run", "it follows from results of which not all were drawn")


@pytest.mark.parametrize("broken", ['{"half', "Infinity", '"7"', "true"])
def test_an_interrupted_draw_is_gone_on_with(broken, tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce, "INTO", tmp_path)
    seed = reproduce.remembered_seed()
    assert 0 <= seed < 10**6 and [reproduce.remembered_seed() for _ in range(3)] == [seed] * 3
    assert reproduce.remembered_seed(7) == 7 and reproduce.remembered_seed() == 7, "also one that was asked for"
    (tmp_path / "seed.json").write_text(broken)
    other = reproduce.remembered_seed()
    assert type(other) is int and reproduce.remembered_seed() == other


@pytest.mark.parametrize("wrong", [[], [{"result": "tables/x", "verdict": "not reproduced", "detail": "no"}]])
def test_a_reproduction_says_what_it_drew_and_judges_the_rest_by_what_follows(wrong, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reproduce, "INTO", tmp_path / "build")
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(reproduce.os, "cpu_count", lambda: 1)
    every = [result("one", 50.0), result("other", 50.0)]
    made = []
    monkeypatch.setattr(reproduce, "everything", lambda source: every)
    monkeypatch.setattr(reproduce, "again", lambda recipe, every_shard: made.append(recipe.name) or 1.0)
    monkeypatch.setattr(reproduce, "judge", lambda recipe: ("identical", ""))
    monkeypatch.setattr(reproduce, "not_drawn", lambda recipe: ("not run", f"{recipe.name} is left"))
    monkeypatch.setattr(reproduce, "tables", lambda: wrong)
    monkeypatch.setattr(reproduce, "trained", list)
    monkeypatch.setattr(reproduce.command, "lock", lambda *_: None)
    monkeypatch.setattr(reproduce.command, "fetch_published", lambda recipe: None)
    if wrong:
        with pytest.raises(Exception, match="1 of 3 results were not reproduced: tables/x"):
            reproduce.main(False, "local", False, 1, 7)
    else:
        reproduce.main(False, "local", False, 1, 7)
    said = capsys.readouterr().out
    assert "making 1 of 2 results again into build/, about 50 s" in said
    assert "drawn with `--seed 7`; all of them take about 2 min: `--minutes 0`" in said
    verdicts = json.loads((tmp_path / "build/verdict.json").read_text())
    assert {entry["result"].removeprefix("attention/"): entry["verdict"] for entry in verdicts[:2]} == {
        made[0]: "identical",
        ({"one", "other"} - set(made)).pop(): "not run",
    }
    assert len(made) == 1 and "1 identical, 1 not run" in said and " is left" in said
    made.clear()
    monkeypatch.setattr(reproduce, "tables", list)
    reproduce.main(True, "local", False, 1)
    assert sorted(made) == ["one", "other"] and "making 2 results again into build/, about 2 min" in capsys.readouterr().out


def test_a_forged_result_that_is_not_drawn_fails_a_reproduction_and_an_interrupted_one_keeps_its_draw(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce, "INTO", tmp_path / "build")
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(reproduce.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(recipes.Recipe, "path", lambda recipe, root=tmp_path: tmp_path / f"{recipe.name}.json")
    every, made = [result("one", 50.0), result("other", 50.0)], []

    def stop(recipe, every_shard):
        made.append(recipe.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduce, "everything", lambda source: every)
    monkeypatch.setattr(reproduce, "tables", list)
    monkeypatch.setattr(reproduce, "trained", list)
    monkeypatch.setattr(reproduce, "judge", lambda recipe: ("identical", ""))
    monkeypatch.setattr(reproduce.command, "lock", lambda *_: None)
    monkeypatch.setattr(reproduce.command, "fetch_published", lambda recipe: None)
    monkeypatch.setattr(reproduce, "again", stop)
    for _ in range(6):
        with pytest.raises(KeyboardInterrupt):
            reproduce.main(False, "local", False, 1)
    assert len(made) == 6 and len(set(made)) == 1, "the same each time"
    (left,) = {"one", "other"} - set(made)
    files.write_json(tmp_path / f"{left}.json", {"values": {}})
    monkeypatch.setattr(reproduce, "again", lambda recipe, every_shard: 1.0)
    with pytest.raises(Exception, match=f"1 of 2 results were not reproduced: attention/{left}"):
        reproduce.main(False, "local", False, 1)


def test_a_result_is_counted_as_soon_as_it_is_there_though_a_longer_one_comes_first(monkeypatch):
    counted = threading.Event()

    class Bar:
        def __init__(self, **told):
            assert told["total"] == 2

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self):
            counted.set()

    def make(recipe, every_shard):
        if recipe.name == "long":
            assert counted.wait(60), "the short one is not counted before the long one ends"
        return 1.0

    monkeypatch.setattr(reproduce.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(reproduce, "tqdm", Bar)
    monkeypatch.setattr(reproduce, "again", make)
    monkeypatch.setattr(reproduce, "judge", lambda recipe: ("identical", ""))
    found = reproduce.reproduce([result("short", 1.0), result("long", 50.0)], False)
    assert [entry["result"] for entry in found] == ["attention/long", "attention/short"]
