"""Where numbers come from, on a tree of results small enough to solve by hand."""

from pipeline import provenance, tabulate

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
