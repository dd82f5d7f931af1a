"""Mutation testing: what it names exists, and its table counts what survived."""

import tomllib

from tests import mutants

SETTINGS = tomllib.loads((mutants.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]


def test_every_module_and_test_that_is_named_exists():
    named = (*SETTINGS["only_mutate"], *SETTINGS["pytest_add_cli_args_test_selection"], *SETTINGS["also_copy"])
    assert [name for name in named if not (mutants.ROOT / name).exists()] == []
    assert {name for name in SETTINGS["also_copy"]} <= set(mutants.LINKED)


def test_every_function_that_counts_is_in_a_module_that_is_mutated():
    modules = {name.removesuffix(".py").replace("/", ".") for name in SETTINGS["only_mutate"]}
    for pattern in mutants.FUNCTIONS:
        name = pattern[: min(pattern.index(end) for end in (".x_", ".*") if end in pattern)]
        assert name in modules, pattern
    assert all(any(pattern.startswith(f"{name}.") for pattern in mutants.FUNCTIONS) for name in modules)


def test_the_table_counts_what_was_killed_and_what_was_not():
    codes = {
        "pipeline.a.x_f__mutmut_1": 1,
        "pipeline.a.x_f__mutmut_2": 0,
        "pipeline.b.x_g__mutmut_1": 33,
        "pipeline.b.x_g__mutmut_2": 36,
    }
    assert mutants.table(codes).splitlines()[2:] == [
        "| `pipeline.a` | 2 | 1 | 1 |", "| `pipeline.b` | 2 | 1 | 1 |", "| all | 4 | 2 | 2 |",
    ]  # fmt: skip
