"""Renewal by proof: what today's code is shown to make the same is renewed, and nothing else is."""

from __future__ import annotations

import ast
import dataclasses
import functools
import json
import subprocess

import pytest

from pipeline import files
from pipeline.evidence import fingerprints, recipes, records, source, syntax
from pipeline.graph import changes, probe, reachable, renewal
from pipeline.graph.renewal import RenewalError

OLD = '''def play(policy, steps):
    """Play."""
    total = 0
    for step in range(steps):
        if step > 90:
            total -= 1
        total += policy(step)
    return total
'''


def missed(tmp_path, new: str, lines: set[int], old: str = OLD) -> list[int]:
    """Lines of the new file that changed, count, and are not among those that ran."""
    (tmp_path / "old.py").write_text(old)
    (tmp_path / "new.py").write_text(new)
    (tmp_path / "caller.py").write_text("from new import play\nplay\n")
    reached = reachable.reach(source.Tree(tmp_path), ["new", "caller"], [])
    return changes.not_run(tmp_path / "old.py", tmp_path / "new.py", lines, functools.partial(reached.runs, "new"))


def test_a_changed_statement_that_ran_is_covered_and_one_that_did_not_is_named(tmp_path):
    new = OLD.replace("total -= 1", "total -= 2").replace("total += policy(step)", "total = total + policy(step)")
    assert missed(tmp_path, new, {3, 4, 5, 7, 8}) == [6]
    assert missed(tmp_path, new, {3, 4, 5, 6, 7, 8}) == []


def test_a_changed_condition_must_have_been_asked(tmp_path):
    new = OLD.replace("step > 90", "step > 91")
    assert missed(tmp_path, new, {3, 4, 7, 8}) == [5]
    assert missed(tmp_path, new, {3, 4, 5, 7, 8}) == []


def test_a_new_branch_that_did_not_run_is_named_unless_it_only_raises(tmp_path):
    quiet = OLD.replace("    return total", "    if total > 9:\n        total = 9\n    return total")
    assert missed(tmp_path, quiet, {3, 4, 5, 7, 8, 10}) == [9]
    loud = OLD.replace(
        "    return total", "    if total > 9:\n        why = 'much'\n        raise ValueError(why)\n    return total"
    )
    assert missed(tmp_path, loud, {3, 4, 5, 7, 8, 11}) == []


def test_a_function_that_nothing_names_need_not_run_but_one_that_is_named_must(tmp_path):
    unused = OLD + "\n\ndef helper(x):\n    return x + 1\n"
    assert missed(tmp_path, unused, {3, 4, 5, 7, 8}) == []
    used = unused.replace("policy(step)", "helper(policy(step))")
    assert missed(tmp_path, used, {3, 4, 5, 7, 8}) == [11, 12]


def test_a_method_that_nothing_names_as_an_attribute_need_not_run_but_what_its_class_stands_on_may_call_it(tmp_path):
    method = "\n\nclass Player{}:\n    def steps(self):\n        return 1\n\n\nPlayer()\n"
    assert missed(tmp_path, OLD + method.format(""), {3, 4, 5, 7, 8}) == []
    assert missed(tmp_path, OLD + method.format("(Module)"), {3, 4, 5, 7, 8}) == [12, 13]
    called = OLD.replace("policy(step)", "policy.steps") + method.format("")
    assert missed(tmp_path, called, {3, 4, 5, 7, 8}) == [12, 13]


def test_a_decorator_may_call_what_nothing_names_but_those_that_are_known_not_to(tmp_path):
    marked = OLD + "\n\n@{}\ndef build(x):\n    return x\n"
    assert missed(tmp_path, marked.format("app.command()"), {3, 4, 5, 7, 8}) == [12, 13]
    assert missed(tmp_path, marked.format("register"), {3, 4, 5, 7, 8}) == [12, 13]
    assert missed(tmp_path, marked.format("functools.cache"), {3, 4, 5, 7, 8}) == []
    assert missed(tmp_path, marked.format("torch.inference_mode()"), {3, 4, 5, 7, 8}) == []


def test_a_function_that_only_an_unused_one_names_need_not_run_nor_need_a_class_that_nothing_makes(tmp_path):
    chain = OLD + "\n\ndef helper(x):\n    return x + 1\n\n\ndef idle(x):\n    return helper(x)\n"
    assert missed(tmp_path, chain, {3, 4, 5, 7, 8}) == []
    assert missed(tmp_path, chain + "\n\nhelper(3)\n", {3, 4, 5, 7, 8}) == [11, 12]
    assert missed(tmp_path, chain + "\n\nidle(3)\n", {3, 4, 5, 7, 8}) == [11, 12, 15, 16]
    made = OLD + "\n\nclass Batches:\n    def __init__(self):\n        self.size = 3\n"
    assert missed(tmp_path, made, {3, 4, 5, 7, 8}) == []
    assert missed(tmp_path, made + "\n\nBatches()\n", {3, 4, 5, 7, 8}) == [12, 13]


def test_a_changed_default_needs_its_function_to_have_run(tmp_path):
    new = OLD.replace("(policy, steps)", "(policy, steps=3)")
    assert missed(tmp_path, new, set()) == [1]
    assert missed(tmp_path, new, {3}) == []


def test_wording_comments_and_layout_are_no_change(tmp_path):
    new = OLD.replace('"""Play."""', '"""Play on."""').replace("total = 0", "total = (\n        0  # nothing yet\n    )")
    assert missed(tmp_path, new, set()) == []


def project(folder, text: str) -> source.Tree:
    """A checkout of one module."""
    (folder / "pipeline").mkdir(parents=True)
    (folder / "pipeline" / "play.py").write_text(text)
    return source.Tree(folder)


def test_a_statement_that_went_must_have_run_as_it_was(tmp_path):
    text = OLD + "\n\nplay(len, 3)\n"
    then = project(tmp_path / "then", text)
    now = project(tmp_path / "now", text.replace("            total -= 1\n", "            pass\n"))
    made = {"sources": then.sources(("pipeline.play",))}
    recipe = dataclasses.replace(RECIPE, modules=("pipeline.play",))

    def missed(lines: list[int]) -> list[str]:
        ran = {"pipeline/play.py": lines}
        return changes.missed_lines(recipe, made, then.root, now.root, ran, ran, {})

    assert missed([3, 4, 5, 7, 8]) == ["pipeline/play.py:6 as it was"]
    assert missed([3, 4, 5, 6, 7, 8]) == []


def test_a_file_that_moved_is_held_against_what_it_was(tmp_path):
    then = project(tmp_path / "then", OLD + "\n\nplay(len, 3)\n")
    text = OLD.replace("total -= 1", "total -= 2") + "\n\nplay(len, 3)\n"
    now = project(tmp_path / "now", text)
    (now.root / "pipeline" / "games").mkdir()
    (now.root / "pipeline" / "play.py").rename(now.root / "pipeline" / "games" / "play.py")
    made = {"sources": then.sources(("pipeline.play",))}
    recipe = dataclasses.replace(RECIPE, modules=("pipeline.games.play",))
    moved = {"pipeline/games/play.py": "pipeline/play.py"}

    def missed(then_ran: list[int], now_ran: list[int]) -> list[str]:
        ran = {"pipeline/play.py": then_ran}, {"pipeline/games/play.py": now_ran}
        return changes.missed_lines(recipe, made, then.root, now.root, *ran, moved)

    (changed,) = [line for line, text in enumerate(OLD.splitlines(), 1) if "total -= 1" in text]
    assert missed([], []) == [f"pipeline/games/play.py:{changed}", f"pipeline/play.py:{changed} as it was"]
    assert missed([changed], [changed]) == []


def content_of(recipe) -> dict:
    """A piece of the repository's evidence, as it would be if it were current."""
    content = records.read(recipe.path())
    depends = fingerprints.depends(recipe)
    made = {key: value for key, value in content["made"].items() if key != "renewed"}
    content["made"] = {**made, **depends, "fingerprint": fingerprints.fingerprint(recipe, depends)}
    content["made"]["sha256"] = records.sealed(content)
    return content


def refused(recipe, content: dict) -> str:
    """The reason why evidence cannot be renewed."""
    content["made"]["fingerprint"] = fingerprints.told_fingerprint(content)
    content["made"]["sha256"] = records.sealed(content)
    with pytest.raises(RenewalError) as caught:
        renewal.check_eligible(recipe, content)
    return str(caught.value)


RECIPE = recipes.EVALUATIONS["local_random_halfcheetah"]


def test_at_toy_size_a_run_still_names_what_it_reads():
    whole = recipes.EVALUATIONS["local_dt_halfcheetah_layer_0_mean"].run
    assert (whole.contexts, whole.episodes) == ("halfcheetah", 100)
    small = probe.shrunk(whole, "evaluations")
    assert (small.contexts, small.episodes) == ("halfcheetah", 2)  # here a name, where other runs have a count of the same name
    for recipe in recipes.everything():
        said, small = vars(recipe.run), vars(probe.shrunk(recipe.run, recipe.kind))
        renamed = {name for name, value in said.items() if isinstance(value, str) and small[name] != value}
        assert renamed <= {"name", "contexts_name"}, recipe.name


def test_source_alone_may_have_changed():
    content = content_of(RECIPE)
    content["made"]["sources"] = {"pipeline.measures.evaluate": "0" * 64}
    content["made"]["fingerprint"] = fingerprints.told_fingerprint(content)
    content["made"]["sha256"] = records.sealed(content)
    renewal.check_eligible(RECIPE, content)


def test_other_packages_are_refused():
    content = content_of(RECIPE)
    content["made"]["versions"]["mujoco"] = "3.9.9"
    assert "mujoco 3.9.9 → " in refused(RECIPE, content)


def test_another_run_another_input_and_other_runs_it_plays_are_refused():
    content = content_of(RECIPE)
    assert "run's episodes" in refused(dataclasses.replace(RECIPE, run=dataclasses.replace(RECIPE.run, episodes=9)), content)
    player = recipes.ROLLOUTS["local_random_halfcheetah"]
    held = dataclasses.replace(player, holds=(dataclasses.replace(player.holds[0], first_seed=1),))
    assert "the runs it plays" in refused(held, content_of(player))
    cloned = recipes.EVALUATIONS["local_bc_halfcheetah_s0"]
    content = content_of(cloned)
    content["made"]["inputs"]["checkpoints/local_bc_halfcheetah_s0/config.json"] = "0" * 64
    assert "config.json" in refused(cloned, content)


def test_times_are_never_renewed():
    recipe = next(iter(recipes.LATENCIES.values()))
    assert refused(recipe, content_of(recipe)) == "what is measured on a machine is never renewed"


def test_a_third_renewal_is_refused():
    content = content_of(RECIPE)
    content["made"]["renewed"] = [{}]
    content["made"]["sha256"] = records.sealed(content)
    renewal.check_eligible(RECIPE, content)
    content["made"]["renewed"] = [{}, {}]
    assert "renewed 2 times already" in refused(RECIPE, content)


def test_what_was_changed_by_hand_is_refused():
    content = content_of(RECIPE)
    content["values"]["returns"][0] += 1
    with pytest.raises(RenewalError, match="changed by hand"):
        renewal.check_eligible(RECIPE, content)


def test_edited_code_must_be_committed_first(monkeypatch):
    monkeypatch.setattr(renewal, "git", lambda *words: " M pipeline/data/returns.py\n")
    with pytest.raises(RenewalError, match="pipeline/data/returns.py is changed and not committed"):
        renewal.check_clean()


@pytest.fixture
def history(own_toy):
    """A toy with its code, evidence and a first commit."""

    def git(*words: str) -> None:
        author = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
        subprocess.run(["git", *words], cwd=own_toy.root, check=True, capture_output=True, env=own_toy.environment(**author))

    git("init", "--quiet")
    (own_toy.root / ".gitignore").write_text("/data/\n/build/\n/tmp/\n__pycache__/\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", "before")

    def commit() -> None:
        git("commit", "--quiet", "--all", "--message", "after")

    return own_toy, commit


NAMES = ("evaluations/local_dt_halfcheetah_6000", "training/local_dt_halfcheetah", "solved/local_random_go_to_local_s7n5")


def test_code_that_says_the_same_in_other_words_renews_a_result_of_every_kind_and_says_by_what(history):
    toy, commit = history
    before = toy.snapshot()
    toy.edit(
        "pipeline/worlds/environments.py",
        "observations, actions, rewards = [], [], []",
        "observations, actions, rewards = list(), list(), list()",
    )
    toy.edit("pipeline/learning/descent.py", "losses.append(batch_loss.detach())", "losses += [batch_loss.detach()]")
    toy.edit(
        "pipeline/worlds/levels.py", "rewards, lengths = np.zeros(len(seeds))", "rewards, lengths = np.zeros((len(seeds),))"
    )
    commit()
    assert "3 results renewed, 0 not" in toy.run("pipeline", "renew", *NAMES).stdout
    for name in NAMES:
        made = json.loads((toy.root / "results" / f"{name}.json").read_text())["made"]
        assert "toy size to the end" in made["renewed"][0]["ran"] and made["renewed"][0]["made_by"]
        assert f"stale: {name}:" not in toy.run("pipeline", "plan").stdout
    changed = {name for name, digest in toy.snapshot().items() if before[name] != digest}
    assert changed == {f"results/{name}.json" for name in NAMES}


def test_other_values_in_a_late_step_and_a_branch_that_did_not_run_are_refused(history):
    toy, commit = history
    before = toy.snapshot()
    toy.edit(
        "pipeline/worlds/environments.py",
        "            actions.append(masked(action, playing))\n",
        "            actions.append(masked(action * (1.0 - 0.001 * (len(actions) == 35)), playing))\n",
    )
    toy.edit(
        "pipeline/worlds/levels.py",
        "    rewards, lengths = np",
        "    if len(seeds) > 1000:\n        seeds = seeds[::-1]\n    rewards, lengths = np",
    )
    commit()
    done = toy.run("pipeline", "renew", "rollouts/local_dt_halfcheetah_6000", "datasets/local_halfcheetah_medium", NAMES[2])
    assert done.returncode == 1 and "2 of 3 results were not renewed" in done.stderr
    assert "datasets/local_halfcheetah_medium: today's code gives other bytes at full size" in done.stdout
    assert f"{NAMES[2]}: changed and did not run: pipeline/worlds/levels.py:" in done.stdout
    assert {name for name, digest in toy.snapshot().items() if before[name] != digest} == {
        "results/rollouts/local_dt_halfcheetah_6000.json"
    }


def test_statements_know_the_functions_they_lie_in_and_whether_they_only_fail():
    tree = syntax.parse(b"def f(x):\n    if x:\n        why = 1\n        raise E(why)\n    return x\n")
    found = {each.node.lineno: (each.fails, each.within) for each in changes.statements(tree)}
    assert found == {1: (False, ("f",)), 2: (False, ("f",)), 3: (True, ("f",)), 4: (True, ("f",)), 5: (False, ("f",))}


def test_all_that_leads_to_an_error_alone_only_fails_however_deep_it_lies():
    tree = syntax.parse(b"def f(x):\n    if x:\n        for y in x:\n            z = y\n        raise E(z)\n    return 1\n")
    assert {each.node.lineno for each in changes.statements(tree) if each.fails} == {3, 4, 5}


def test_a_commit_is_found_by_the_digests_of_its_code(tmp_path, monkeypatch):
    root = tmp_path / "project"
    (root / "pipeline").mkdir(parents=True)
    told = ("-c", "user.name=a", "-c", "user.email=a@b")

    def commit(text: str) -> tuple[str, str]:
        """The commit's name, and the digest of its module."""
        (root / "pipeline" / "returns.py").write_text(text)
        changes.git("add", "--all", folder=root)
        changes.git(*told, "commit", "--quiet", "--message", "one", folder=root)
        return changes.git("rev-parse", "HEAD", folder=root).strip(), source.Tree(root).digest("pipeline.returns")

    changes.git("init", "--quiet", folder=root)
    commits = [commit(f"x = {number}\n") for number in range(3)]
    monkeypatch.setattr(files, "ROOT", root)
    monkeypatch.setattr(changes.git, "__defaults__", (root,))
    monkeypatch.setattr(changes.git, "__kwdefaults__", {"folder": root})
    history = changes.History(tmp_path / "history")
    for name, digest in commits:
        assert history.maker({"sources": {"pipeline.returns": digest}}) == name
    with pytest.raises(RenewalError, match="no commit holds the code"):
        history.maker({"sources": {"pipeline.returns": commits[0][1], "pipeline.other": "0" * 64}})
    with pytest.raises(RenewalError, match="no commit holds the code"):
        history.maker({"sources": {"pipeline.returns": "0" * 64}})


def test_functions_in_another_order_are_as_they_were_and_a_statement_in_another_block_is_not(tmp_path):
    other = "\n\ndef other():\n    return play\n"
    assert missed(tmp_path, other.lstrip() + "\n\n" + OLD, set(), old=OLD + other) == []
    within = OLD.replace("        total += policy(step)\n", "            total += policy(step)\n")
    assert missed(tmp_path, within, {3, 4, 5, 8}) == [7]
    outside = OLD.replace("        total += policy(step)\n", "    total += policy(step)\n")
    assert missed(tmp_path, outside, {3, 4, 5, 8}) == [7]


def test_what_a_class_in_a_function_holds_is_looked_at_and_that_of_a_file_runs_when_it_is_imported(tmp_path):
    inside = OLD.replace("    total = 0\n", "    class Kept:\n        size = 3\n    total = 0\n")
    assert missed(tmp_path, inside.replace("size = 3", "size = 4"), {3, 5, 6, 7, 9, 10}, old=inside) == [4]
    outside = OLD + "\n\nclass Kept:\n    size = 3\n"
    assert missed(tmp_path, outside.replace("size = 3", "size = 4"), set(), old=outside) == []


def test_the_blocks_of_a_statement_are_told_apart():
    tried = ast.parse("try:\n    a\nexcept A:\n    b\nexcept B:\n    c\nelse:\n    d\nfinally:\n    e\n").body[0]
    found = {name: ast.unparse(block[0]) for name, block in changes.blocks(tried)}
    assert found == {"body": "a", "orelse": "d", "finalbody": "e", "handlers0": "b", "handlers1": "c"}
    matched = ast.parse("match x:\n    case 1:\n        a\n    case 2:\n        b\n").body[0]
    assert [name for name, _ in changes.blocks(matched)] == ["cases0", "cases1"]
