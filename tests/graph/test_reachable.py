"""What can run, by who asks for whom: every answer by hand."""

from __future__ import annotations

import pytest

from pipeline import PipelineError
from pipeline.evidence import recipes, source
from pipeline.graph import reachable

DATA = """
def write(path):
    return flat(path)

def flat(path):
    return path

class Episodes:
    def __len__(self):
        return first()
    def total(self):
        return second()

class Module(Base):
    def forward(self):
        return third()

def first(): pass
def second(): pass
def third(): pass
"""
EVERY = {"write", "flat", "Episodes", "Module", "first", "second", "third"}


def reached(folder, main: str, first=(), **others: str) -> set[str]:
    """Which functions and classes of the module `data` can run where a module asks for what it does."""
    for name, text in {"data": DATA, "main": main, **others}.items():
        (folder / f"{name}.py").write_text(text)
    found = reachable.reach(source.Tree(folder), ["data", "main", *others], first)
    return {name for name in EVERY if found.runs("data", (name,))}


@pytest.mark.parametrize(
    ("main", "runs"),
    [
        ("import data\n", set()),
        ("import data\ndata.write(1)\n", {"write", "flat"}),
        ("import data\ndef idle(): data.write(1)\n", set()),
        ("import data\ndef idle(): data.write(1)\nidle()\n", {"write", "flat"}),
        ("import data as other\nother.flat(1)\n", {"flat"}),
        ("from data import write as save\nsave(1)\n", {"write", "flat"}),
        ("from data import write\n", set()),
        ("from data import write\nTABLE = {1: write}\n", {"write", "flat"}),
        ("import data\nfile.write(1)\n", set()),  # a file's, since nothing holds the module
        ("import data\nsave(data)\nfile.write(1)\n", {"write", "flat"}),  # it may be what `file` is
        ("import data\ngetattr(data, 'write')(1)\n", {"write", "flat"}),
        ("import data\nprint('write')\n", set()),
        ("import data\nif 1: raise ValueError(data.flat(1))\n", set()),  # no value comes of it
        ("import data\ndata = other\ndata.write(1)\n", {"write", "flat"}),  # another thing of that name: nobody imports it now
        ("from data import Episodes\nlen(Episodes())\n", {"Episodes", "first"}),
        ("from data import Episodes\nx.total\n", set()),  # nothing makes any
        ("from data import Episodes\nEpisodes().total\n", {"Episodes", "first", "second"}),
        ("from data import Episodes\ngetattr(Episodes(), 'total')\n", {"Episodes", "first", "second"}),
        ("from data import Module\nModule()(1)\n", {"Module", "third"}),  # what it stands on may call it
        ("from data import Module\n@register\ndef build(): return Module()\n", {"Module", "third"}),
        ("from data import Module\n@functools.cache\ndef build(): return Module()\n", set()),
        ("from data import Module\ndef idle(x=Module): pass\n", {"Module", "third"}),  # a default is taken on import
        ("from data import flat\ndef __hidden(): flat(1)\n", set()),  # Python calls those alone that end so too
        ("from data import flat\ndef hidden__(): flat(1)\n", set()),
        ("from data import flat\ndef __getattr__(name): flat(1)\n", {"flat"}),
        ("from data import Module\nclass Idle:\n    size = Module\n", {"Module", "third"}),
    ],
)
def test_what_runs_is_what_something_that_runs_names(tmp_path, main, runs):
    assert reached(tmp_path, main) == runs


def test_a_module_that_is_imported_by_its_name_while_the_program_runs_may_be_any_variable(tmp_path):
    main = "import importlib\nimport data\nimportlib.import_module(name).write(1)\n"
    assert reached(tmp_path, main) == set()
    assert reached(tmp_path, main, ["data"]) == {"write", "flat"}
    assert reached(tmp_path, main.replace("import data\n", "")) == {"write", "flat"}  # since no other module imports it


def test_what_a_module_passes_on_is_asked_of_whoever_has_it(tmp_path):
    between = "from data import write\n"
    assert reached(tmp_path, "import between\nbetween.write(1)\n", between=between) == {"write", "flat"}
    assert reached(tmp_path, "from between import write\nwrite(1)\n", between=between) == {"write", "flat"}
    assert reached(tmp_path, "import between\nbetween.other(1)\n", between=between) == set()


def test_all_that_stands_in_a_module_beside_those_of_the_result_may_run(tmp_path):
    (tmp_path / "aside.py").write_text("import data\ndef run(): data.flat(1)\n")
    assert reached(tmp_path, "import aside\n") == {"flat"}
    assert reached(tmp_path, "") == set()


def test_what_takes_all_names_of_another_is_refused(tmp_path):
    with pytest.raises(PipelineError, match=r"main.py imports all names of data, so that nothing can be said of what it uses"):
        reached(tmp_path, "from data import *\n")


def test_what_runs_verbs_asks_for_their_make_though_no_source_of_the_result_does(tmp_path):
    verb = "import data\ndef make(recipe): data.write(1)\ndef other(): data.first()\n"
    assert reached(tmp_path, verb, ["main"]) == {"write", "flat"}


def test_the_make_of_every_verb_can_run():
    tree, verbs = source.tree(), {recipe.verb: recipe for recipe in recipes.everything()}
    assert len(verbs) > 10
    for verb, recipe in verbs.items():
        assert reachable.reach(tree, tree.sources(recipe.modules), recipe.modules).runs(verb, ("make",)), verb
