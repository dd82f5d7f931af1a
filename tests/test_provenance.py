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
        if kind != "published"
        for content in files.values()
        if content["run"].get("checkpoint")
    ]
    table = tabulate.target("provenance").read_text(encoding="utf-8")
    assert used and all(f"`{name}`" in table for name in used)
