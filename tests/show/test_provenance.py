"""Where numbers come from, on a tree of results small enough to solve by hand."""

import json

from pipeline.show import provenance, tabulate

PLAYED = {"gymnasium": "1.4.0", "mujoco": "4.0.0", "torch": "2.13.0"}


def evidence(run: dict, checkpoint: str | None = None, versions: dict | None = None, values: dict | None = None) -> dict:
    inputs = {f"checkpoints/{checkpoint}/model.safetensors": f"sum of {checkpoint}"} if checkpoint else {}
    return {"run": run, "made": {"inputs": inputs, "versions": versions or PLAYED}, "values": values or {}}


TREE = {
    "published": {"a table": {}},
    "training": {
        "ours": evidence({"name": "ours", "data": "log"}),
        "walker": evidence({"name": "walker", "data": ["one", "two"]}),
        "behaviour": evidence({"name": "behaviour", "environment": "HalfCheetah-v4"}),
    },
    "datasets": {
        "log": evidence({"name": "log", "environment": "HalfCheetah-v4"}, "behaviour"),
        "one": evidence({"name": "one", "level": "go"}),
        "two": evidence({"name": "two", "level": "pick"}),
    },
    "fetched": {
        "theirs": evidence(
            {"recorded_in": "HalfCheetah-v2"},
            values={"repository": "some/model", "commit": "a" * 40, "trained_on": "D4RL's medium"},
        )
    },
    "evaluations": {
        "ours_1": evidence({"checkpoint": "ours", "environment": "HalfCheetah-v4"}, "ours"),
        "ours_2": evidence({"checkpoint": "ours", "environment": "HalfCheetah-v4"}, "ours"),
        "theirs_1": evidence({"checkpoint": "theirs", "environment": "HalfCheetah-v4"}, "theirs"),
        "random": evidence({"checkpoint": None, "environment": "HalfCheetah-v4"}),
    },
    "attention": {"ours": evidence({"checkpoint": "ours"}, "ours", {"torch": "2.13.0"})},
    "solved": {"walker": evidence({"checkpoint": "walker", "level": "go"}, "walker", {"minigrid": "3.2.0"})},
    "pooled": {"some": evidence({"members": ["ours_1"]})},
}


def row(name: str | None) -> dict:
    return next(found for found in provenance.rows(TREE) if found["checkpoint"] == name)


def test_every_checkpoint_that_was_used_has_one_row_and_no_other_has():
    assert [found["checkpoint"] for found in provenance.rows(TREE)] == [None, "behaviour", "ours", "theirs", "walker"]


def test_a_checkpoint_of_ours_names_its_data_and_where_it_was_recorded():
    assert row("ours") == {
        "checkpoint": "ours",
        "sha256": "sum of ours",
        "origin": None,
        "learned_from": ["log"],
        "recorded_in": ["HalfCheetah-v4"],
        "played_in": ["HalfCheetah-v4"],
        "simulators": ["gymnasium 1.4.0", "mujoco 4.0.0"],
        "counts": {"attention": 1, "evaluations": 2},
        "attested": 0,
    }


def test_a_fetched_checkpoint_names_its_repository_its_commit_and_another_environment():
    found = row("theirs")
    assert found["origin"] == "some/model at aaaaaaaaaaaa"
    assert (found["learned_from"], found["recorded_in"]) == (["D4RL's medium"], ["HalfCheetah-v2"])
    assert found["played_in"] == ["HalfCheetah-v4"]


def test_who_explored_by_itself_and_who_needs_no_checkpoint_are_told_apart():
    assert (row("behaviour")["learned_from"], row("behaviour")["recorded_in"]) == (["its own trials"], ["HalfCheetah-v4"])
    assert (row(None)["learned_from"], row(None)["sha256"]) == ([], None)


def test_several_datasets_are_all_named():
    found = row("walker")
    assert (found["learned_from"], found["recorded_in"]) == (["one", "two"], ["go", "pick"])
    assert (found["played_in"], found["simulators"]) == (["go"], ["minigrid 3.2.0"])


def test_the_table_covers_every_piece_of_evidence_that_a_checkpoint_made():
    results = tabulate.results()
    used = [
        content["run"]["checkpoint"]
        for kind, files in results.items()
        if kind not in provenance.NO_EVIDENCE
        for content in files.values()
        if content["run"].get("checkpoint")
    ]
    table = tabulate.target("provenance").read_text(encoding="utf-8")
    assert used and all(f"`{name}`" in table for name in used)


def test_rows_are_counted_by_kind_and_their_places_put_in_order():
    tree = {
        "solved": {
            "b": evidence({"checkpoint": "plan", "level": "pick"}, "plan", {"minigrid": "3.2.0", "gymnasium": "1.4.0"}),
            "a": evidence({"checkpoint": "plan", "level": "go"}, "plan", {"minigrid": "3.1.0", "numpy": "2.0"}),
        },
        "attention": {"c": evidence({"checkpoint": "plan"}, "plan")},
    }
    assert provenance.rows(tree) == [
        {
            "checkpoint": "plan",
            "sha256": "sum of plan",
            "origin": None,
            "learned_from": [],
            "recorded_in": [],
            "played_in": ["go", "pick"],
            "simulators": ["gymnasium 1.4.0", "minigrid 3.1.0", "minigrid 3.2.0"],
            "counts": {"attention": 1, "solved": 2},
            "attested": 0,
        }
    ]


def test_weights_that_changed_have_a_row_of_their_own():
    older = evidence({"checkpoint": "ours", "environment": "HalfCheetah-v4"}, "ours")
    older["made"]["inputs"] = {"data/log.hdf5": "another file", "checkpoints/ours/model.safetensors": "a sum before"}
    found = provenance.rows({**TREE, "latency": {"old": older}})
    assert [(each["checkpoint"], each["sha256"]) for each in found if each["checkpoint"] == "ours"] == [
        ("ours", "a sum before"),
        ("ours", "sum of ours"),
    ]


def test_rows_go_by_name_before_they_go_by_sum_and_who_needs_no_checkpoint_comes_first():
    def made(name: str | None, digest: str) -> dict:
        content = evidence({"checkpoint": name, "level": "go"}, name)
        content["made"]["inputs"] = dict.fromkeys(content["made"]["inputs"], digest)
        return content

    kind = {
        "pool": evidence({"members": []}),
        "b": made("B", "1"),
        "a": made("A", "2"),
        "none": made(None, ""),
        "old": made("A", "0"),
    }
    found = provenance.rows({"solved": kind})
    assert [(row["checkpoint"], row["sha256"]) for row in found] == [(None, None), ("A", "0"), ("A", "2"), ("B", "1")]


def test_who_played_and_where_is_read_from_one_piece_of_evidence():
    assert provenance.player(TREE["evaluations"]["ours_1"]) == ("ours", "sum of ours")
    assert provenance.player(TREE["evaluations"]["random"]) == (None, None)
    assert provenance.player(TREE["pooled"]["some"]) is None
    deep = evidence({}, None)
    deep["made"]["inputs"] = {"checkpoints/a/b/model.safetensors": "sum"}
    assert provenance.player(deep) == ("a/b", "sum")
    assert provenance.environment({"environment": "HalfCheetah-v4"}) == "HalfCheetah-v4"
    assert provenance.environment({"level": "go"}) == "go" and provenance.environment({}) is None
    assert provenance.simulators(evidence({})) == {"gymnasium 1.4.0", "mujoco 4.0.0"}


def test_a_dataset_that_has_no_evidence_is_named_all_the_same():
    tree = {"training": {"new": evidence({"data": ["gone", "one"]})}, "datasets": {"one": TREE["datasets"]["one"]}}
    assert provenance.learned(tree, "new") == {"origin": None, "learned_from": ["gone", "one"], "recorded_in": ["go"]}
    tree = {"training": tree["training"]}
    assert provenance.learned(tree, "new") == {"origin": None, "learned_from": ["gone", "one"], "recorded_in": []}
    assert provenance.learned({}, "new") == {"origin": None, "learned_from": [], "recorded_in": []}
    assert provenance.learned({"training": {}, "datasets": {}, "fetched": {}}, None)["learned_from"] == []


def test_renewed_evidence_is_counted_and_published_figures_are_none():
    results = {
        "solved": {"one": {"made": {}}, "two": {"made": {"renewed": [{}]}}},
        "training": {"three": {"made": {"renewed": [{}, {}]}}, "four": {"made": {"renewed": []}}},
        "published": {"scores": {"sources": {}}},
    }
    assert provenance.renewed(results) == {"results": 4, "renewed": 2}


# Which results are attested


def judged_evidence(sha256: str, checkpoint: str | None) -> dict:
    inputs = {f"checkpoints/{checkpoint}/model.safetensors": "sum"} if checkpoint else {}
    return {"run": {"checkpoint": checkpoint}, "made": {"inputs": inputs, "versions": {}, "sha256": sha256}, "values": {}}


HELD = {
    "published": {"scores": {"sources": {}}},
    "evaluations": {
        "one": judged_evidence("1" * 64, "model"),
        "two": judged_evidence("2" * 64, "model"),
        "three": judged_evidence("changed since", "model"),
        "four": judged_evidence("4" * 64, None),
        "new": judged_evidence("5" * 64, "model"),
    },
    "latency": {"one": judged_evidence("6" * 64, "model"), "four": judged_evidence("4" * 64, "model")},
    "training": {"model": {"run": {}, "made": {"inputs": {}, "versions": {}, "sha256": "7" * 64}, "values": {}}},
}
JUDGED = [
    {"result": "evaluations/one", "verdict": "identical", "detail": "", "seconds": 1.5, "sha256": "1" * 64},
    {"result": "evaluations/two", "verdict": "not reproduced", "detail": "", "seconds": 1.5, "sha256": "2" * 64},
    {"result": "tables/scores", "verdict": "identical", "detail": "filled anew"},
    {"result": "evaluations/three", "verdict": "identical", "sha256": "3" * 64},
    {"result": "evaluations/four", "verdict": "statistically compatible", "sha256": "4" * 64},
    {"result": "latency/one", "verdict": "equal within tolerance", "sha256": "6" * 64},
    {"result": "training/model", "verdict": "not run", "sha256": "7" * 64},
    {"result": "evaluations/gone", "verdict": "identical", "sha256": "8" * 64},
]
ATTESTED = {
    "repository": "some/name",
    "commit": "c0ffee" + "0" * 34,
    "date": "2026-11-30",
    "run": "https://github.com/some/name/actions/runs/7/attempts/1",
    "verdict": json.dumps(JUDGED),
}


def test_attested_is_what_was_found_to_hold_and_is_the_same_since():
    assert provenance.attested({**HELD, "attested": ATTESTED}) == {"evaluations/one", "evaluations/four", "latency/one"}
    assert provenance.attested(HELD) == set()


def test_how_much_is_attested_and_by_whom_is_told_together():
    assert provenance.attestation({**HELD, "attested": ATTESTED}) == {
        "repository": "some/name",
        "commit": ATTESTED["commit"],
        "date": "2026-11-30",
        "attested": 3,
        "results": 8,
    }
    assert provenance.attestation(HELD) is None


def test_of_verdicts_those_count_that_name_what_they_judged():
    assert provenance.verdicts(json.dumps(JUDGED[1:4])) == {
        "evaluations/two": ("not reproduced", "2" * 64),
        "evaluations/three": ("identical", "3" * 64),
    }


def test_each_row_counts_its_attested_pieces():
    def counted(tree) -> dict:
        return {row["checkpoint"]: (row["attested"], row["counts"]) for row in provenance.rows(tree)}

    counts = {"evaluations": 4, "latency": 2}
    assert counted({**HELD, "attested": ATTESTED}) == {None: (1, {"evaluations": 1}), "model": (2, counts)}
    assert counted(HELD) == {None: (0, {"evaluations": 1}), "model": (0, counts)}


def test_the_table_says_of_each_row_how_much_of_it_is_attested_and_below_on_whose_word():
    table = tabulate.render("provenance", {**HELD, "attested": ATTESTED})
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")]
    assert [row[-1] for row in cells] == ["attested", ":---------", "1 of 1", "2 of 6"]
    assert "*3 of 8 pieces of evidence are attested:" in table and "`some/name` at commit `c0ffee000000`" in table
    assert "on 2026-11-30," in table


def test_a_table_without_a_record_says_that_nothing_is_attested_yet():
    table = tabulate.render("provenance", HELD)
    assert "No result has been attested yet" in table and " of 6 " not in table and "attested |" not in table
