"""Machines: their arithmetic is told by what they compute, and evidence says on which machine it was made."""

import os
import subprocess
import sys

import pytest
import torch

from pipeline import files
from pipeline.evidence import machines

ELSEWHERE = {"processor": "another", "arithmetic": "0" * 16}


def arithmetic(**variables: str) -> str:
    """The digest in a process of its own, under environment variables."""
    words = [sys.executable, "-c", "from pipeline.evidence import machines; print(machines.arithmetic())"]
    env = {**os.environ, **variables}
    return subprocess.run(words, cwd=files.ROOT, env=env, capture_output=True, text=True, check=True).stdout.strip()


def test_the_digest_of_arithmetic_repeats_in_another_process():
    assert arithmetic() == machines.arithmetic()


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="the variable is that of Intel's library")
def test_other_instructions_give_another_digest():
    assert arithmetic(MKL_CBWR="COMPATIBLE") != machines.arithmetic()


def test_the_digest_draws_nothing_from_the_generators_that_others_use():
    before = torch.random.get_rng_state()
    machines.arithmetic.cache_clear()
    machines.arithmetic()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_only_evidence_that_depends_on_torch_names_its_machine_and_only_planners_a_compiler():
    assert machines.of({"versions": {"numpy": "2"}, "sources": {}}) == {}
    made = machines.of({"versions": {"torch": "2"}, "sources": {}})
    assert made == {"machine": {"processor": machines.processor(), "arithmetic": machines.arithmetic()}}
    planned = machines.of({"versions": {"torch": "2"}, "sources": {"pipeline.methods.trajectory_transformer.decoding": "0"}})
    assert planned["machine"].keys() == {"processor", "arithmetic", "compiler"}


@pytest.mark.parametrize(
    ("machine", "alike"),
    [
        (None, None),
        ("a string, as once was written", None),
        ({"processor": "another", "arithmetic": None}, None),
        (ELSEWHERE, False),
    ],
)
def test_evidence_of_another_machine_or_of_none_is_told(machine, alike):
    assert machines.rounds_alike({"machine": machine}) is alike


def test_a_processor_of_another_name_whose_arithmetic_is_the_same_rounds_alike():
    assert machines.rounds_alike({"machine": {**machines.here(), "processor": "another"}})
    assert machines.rounds_alike({"machine": machines.here(compiled=True)})
    assert not machines.rounds_alike({"machine": {**machines.here(), "compiler": "another"}})
