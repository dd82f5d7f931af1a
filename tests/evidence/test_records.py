"""Evidence and fingerprints: what makes it stale, what does not, and what is never written."""

import ast
import dataclasses
import json
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import files
from pipeline.evidence import fingerprints, recipes, records, source, syntax
from pipeline.evidence.records import EvidenceError, Recipe
from pipeline.study import runs

SOURCE = '''"""A module."""
import math


def area(radius: float) -> float:
    """Of a circle."""
    # a comment
    return math.pi * radius**2
'''


@dataclasses.dataclass(frozen=True)
class Toy:
    name: str = "toy"
    rate: float = 0.5


@pytest.fixture
def recipe() -> Recipe:
    return Recipe("toy", "toys", "pipeline.toy", Toy(), ("pipeline.data.returns",), ("LICENSE",))


def source_digest(source: str) -> str:
    return syntax.canonical(syntax.parse(source.encode()), lambda statement: [ast.unparse(statement)], {})


def test_code_in_c_of_the_same_name_belongs_to_a_module_by_its_bytes(tmp_path):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "loop.py").write_text(SOURCE)

    def digest(code: str | None) -> str:
        if code is not None:
            (tmp_path / "pipeline" / "loop.c").write_text(code)
        return source.Tree(tmp_path).digest("pipeline.loop")

    assert len({digest(None), digest("int one = 1;"), digest("int one = 2;"), digest("/* *\\\n/ int one = 2; */")}) == 4


def test_comments_docstrings_and_layout_do_not_change_a_digest():
    other = (
        SOURCE.replace("# a comment", "# another").replace("Of a circle.", "In square meters.").replace("\n\n\n", "\n\n\n\n\n")
    )
    other = other.replace("math.pi * radius**2", "(\n        math.pi\n        * radius ** 2\n    )")
    assert source_digest(other) == source_digest(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"), [("radius**2", "radius**3"), ("math.pi", "math.tau"), ("def area", "def size"), ("radius**2", "2 * radius")]
)
def test_a_changed_line_changes_the_digest(old, new):
    assert source_digest(SOURCE.replace(old, new)) != source_digest(SOURCE)


def test_a_string_that_is_not_a_docstring_counts():
    assert source_digest("x = 'a'") != source_digest("x = 'b'")


def test_the_canonical_tree_holds_no_empty_fields_that_other_versions_of_python_add():
    text = source_digest(SOURCE)
    assert "type_params" not in text and "[]" not in text and "None" not in text


def test_other_versions_of_python_give_the_same_digest(tmp_path):
    others = [found for minor in (12, 13, 14) if (found := shutil.which(f"python3.{minor}")) and works(found)]
    script = tmp_path / "say.py"
    script.write_text(
        f"import ast, sys\nsys.path.insert(0, {str(files.ROOT / 'pipeline' / 'evidence')!r})\nimport syntax\n"
        "for path in sys.argv[1:]:\n"
        "    tree = syntax.parse(open(path, 'rb').read())\n"
        "    print(ascii(syntax.canonical(tree, lambda statement: [ast.unparse(statement)], {})))\n"
    )
    ours = sorted((files.ROOT / "pipeline").rglob("*.py"))
    said = [ascii(source_digest(path.read_text())) for path in ours]
    for python in [sys.executable, *others]:
        out = subprocess.run([python, "-I", script, *ours], capture_output=True, text=True, check=True).stdout
        assert out.splitlines() == said, python


def works(python: str) -> bool:
    return subprocess.run([python, "-c", "pass"], capture_output=True).returncode == 0


def test_sources_follow_imports_and_leave_out_what_computes_nothing():
    found = source.tree(files.ROOT).sources(("pipeline.measures.evaluate", "pipeline.policies.decision_transformer"))
    wanted = {
        "measures.evaluate",
        "worlds.environments",
        "policies.decision_transformer",
        "evidence.checkpoints",
        "evidence.records",
    }
    assert {f"pipeline.{name}" for name in wanted} <= found.keys()
    assert not found.keys() & source.ASIDE.keys()
    assert not any("behaviour" in name or "random" in name for name in found), (
        "another method's file must not make this one stale"
    )


def test_evidence_just_written_holds(recipe, tmp_path):
    records.write(recipe, {"x": 1.0}, tmp_path)
    assert fingerprints.stale(recipe, tmp_path) is None


def test_missing_evidence_is_stale(recipe, tmp_path):
    assert fingerprints.stale(recipe, tmp_path) == "missing"


def test_a_changed_run_is_named(recipe, tmp_path):
    records.write(recipe, {"x": 1.0}, tmp_path)
    assert fingerprints.stale(dataclasses.replace(recipe, run=Toy(rate=0.6)), tmp_path) == "changed: run's rate"


def test_a_changed_input_is_named(recipe, tmp_path):
    records.write(recipe, {"x": 1.0}, tmp_path)
    path = recipe.path(tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["made"]["inputs"]["LICENSE"] = "0" * 64
    content["made"]["fingerprint"] = fingerprints.told_fingerprint(content)
    content["made"]["sha256"] = records.sealed(content)
    path.write_text(json.dumps(content))
    assert fingerprints.stale(recipe, tmp_path) == "changed: LICENSE"


def test_another_version_of_a_package_is_named(recipe, tmp_path, monkeypatch):
    records.write(recipe, {"x": 1.0}, tmp_path)
    monkeypatch.setattr(fingerprints, "public_version", lambda package: "9.9.9")
    assert "numpy" in fingerprints.stale(recipe, tmp_path) and "9.9.9" in fingerprints.stale(recipe, tmp_path)


def test_a_number_edited_by_hand_is_noticed(recipe, tmp_path):
    path = records.write(recipe, {"x": 1.25}, tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("1.25", "1.35"))
    assert fingerprints.stale(recipe, tmp_path) == "it was changed by hand"


def test_a_fingerprint_that_does_not_follow_from_the_making_is_noticed_though_the_digest_was_made_anew(recipe, tmp_path):
    path = records.write(recipe, {"x": 1.25}, tmp_path)
    content = records.read(path)
    records.write_sealed(path, {**content, "made": {**content["made"], "fingerprint": "0" * 64}})
    assert fingerprints.stale(recipe, tmp_path) == "it was changed by hand"


def test_an_output_changed_by_hand_is_noticed(recipe, tmp_path):
    with_output = dataclasses.replace(recipe, outputs=("images/toy.png",))
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "toy.png").write_bytes(b"picture")
    records.write(with_output, {}, tmp_path)
    assert fingerprints.stale(with_output, tmp_path) is None
    (tmp_path / "images" / "toy.png").write_bytes(b"Picture")
    assert "images/toy.png" in fingerprints.stale(with_output, tmp_path)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"run": {}}', '{"run": {}, "made": {}, "values": {}}', "\x00", '{"run": 1, "made": 2, "values": 3}'],
)
def test_what_is_not_evidence_is_stale_and_never_an_exception(recipe, tmp_path, content):
    recipe.path(tmp_path).parent.mkdir(parents=True)
    recipe.path(tmp_path).write_text(content)
    assert fingerprints.stale(recipe, tmp_path)


def test_a_directory_in_the_place_of_evidence_is_replaced(recipe, tmp_path):
    recipe.path(tmp_path).mkdir(parents=True)
    assert "directory" in fingerprints.stale(recipe, tmp_path)
    records.write(recipe, {"x": 1.0}, tmp_path)
    assert fingerprints.stale(recipe, tmp_path) is None


def test_numbers_that_are_not_finite_are_never_written(recipe, tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        records.write(recipe, {"x": float("nan")}, tmp_path)
    assert not recipe.path(tmp_path).exists()
    assert list(tmp_path.rglob("*.part*")) == []


@given(
    st.recursive(
        st.floats(-1e6, 1e6) | st.integers(-9, 9) | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=8
    )
)
def test_plain_values_have_no_exponents_for_yaml_to_misread(values):
    text = json.dumps(records.plain(values if isinstance(values, list) else [values]))
    assert not any(
        "e" in token
        for token in text.replace("[", " ").replace("]", " ").replace(",", " ").split()
        if token[0] in "-0123456789"
    )


def test_a_missing_file_is_an_error_that_names_the_cure(tmp_path):
    with pytest.raises(EvidenceError, match="is missing: `doit` makes it"):
        records.read(tmp_path / "nothing.json")


def test_every_result_in_the_repository_is_whole():
    ours = [recipe for registry in recipes.SOURCES["local"].values() for recipe in registry.values()]
    contents = [(recipe, records.read(recipe.path())) for recipe in ours]
    assert len(ours) > 150
    assert [recipe.path() for recipe, content in contents if records.sealed(content) != content["made"]["sha256"]] == []
    assert [recipe.path() for recipe, content in contents if content["run"] != records.fields(recipe.run)] == []


def test_every_result_that_doit_makes_is_current():
    assert [(recipe.kind, recipe.name, reason) for recipe in recipes.rebuilt() if (reason := fingerprints.stale(recipe))] == []


def others() -> set:
    """What lies there only where someone made it: from the hub, of fetched datasets, of studies, and of runs on another
    dataset.
    """
    made = [*recipes.rebuilt("hub"), *recipes.DATASETS.values(), *recipes.STUDIES.values()]
    elsewhere = (path for path in (files.ROOT / "results").rglob(f"*{runs.ON}*"))
    attested = files.ROOT / "results" / "attested.json"
    return {path for recipe in made for path in recipe.targets()} | set(elsewhere) | {attested}


def test_nothing_lies_in_results_that_no_recipe_makes():
    ours = recipes.everything()
    known = {path for recipe in ours for path in recipe.targets()} | {files.ROOT / "results" / "published.json"}
    found = {path for path in (files.ROOT / "results").rglob("*") if path.is_file()}
    assert found - others() == {path for path in known if path.is_relative_to(files.ROOT / "results")}


def test_nothing_lies_in_images_that_no_recipe_makes():
    known = {path for recipe in recipes.rebuilt() for path in recipe.targets()}
    assert set((files.ROOT / "images").iterdir()) - others() == {path for path in known if path.parent.name == "images"}


def test_a_result_asked_again_after_an_input_was_written_is_judged_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    run = runs.Latency("toy", "random_actions", None)
    recipe = Recipe("toy", "latency", "toy", run, modules=(), inputs=("weights",))
    (tmp_path / "weights").write_text("before")
    records.write(recipe, {"median_ms": 1.0}, tmp_path)
    assert fingerprints.stale(recipe, tmp_path) is None
    (tmp_path / "weights").write_text("after it")
    assert fingerprints.stale(recipe, tmp_path) == "changed: weights"
    (tmp_path / "weights").write_text("before")
    assert fingerprints.stale(recipe, tmp_path) is None
