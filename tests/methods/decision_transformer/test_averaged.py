"""A Decision Transformer of which a head says the same to every token."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline import PipelineError
from pipeline.methods.decision_transformer import averaged
from pipeline.study import studies
from tests.methods.decision_transformer.test_ablated import policy  # noqa: F401

RUN = replace(studies.AVERAGED[0], name="toy", checkpoint="toy")
LENGTH = 4


@pytest.fixture
def contexts():
    generator = torch.Generator().manual_seed(0)
    return {
        "observations": torch.randn(5, LENGTH, 2, generator=generator),
        "actions": torch.randn(5, LENGTH, 1, generator=generator),
        "returns_to_go": torch.randn(5, LENGTH, generator=generator),
        "timesteps": torch.arange(LENGTH).expand(5, -1),
    }


def outputs(policy, contexts, layer):  # noqa: F811
    """What goes into a layer's linear map that mixes its heads, (context, token, width)."""
    seen = []
    hook = policy.model.encoder.h[layer].attn.c_proj.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    policy.respond(contexts)
    hook.remove()
    return seen[0]


def load(policy, contexts, monkeypatch, **fields):  # noqa: F811
    monkeypatch.setattr(averaged.plain, "load", lambda run: policy)
    monkeypatch.setattr(averaged.checkpoints, "read_tensors", lambda path: (contexts, {}))
    return averaged.load(replace(RUN, **fields))


def test_one_head_says_its_mean_to_every_token_and_the_other_what_it_said(policy, contexts, monkeypatch):  # noqa: F811
    before = outputs(policy, contexts, layer=1)
    after = outputs(load(policy, contexts, monkeypatch, layer=1, head=1), contexts, layer=1)
    assert torch.equal(after[..., :8], before[..., :8])
    assert torch.allclose(after[..., 8:], before[..., 8:].mean(dim=(0, 1)).expand(5, 3 * LENGTH, -1))
    assert not torch.allclose(before[..., 8:], after[..., 8:], atol=1e-3)


def test_the_control_has_the_means_norm_and_another_direction_the_same_each_time(policy, contexts, monkeypatch):  # noqa: F811
    mean = averaged.mean_output(policy, contexts, 0, 0)
    said = outputs(load(policy, contexts, monkeypatch, said="random"), contexts, layer=0)[0, 0, :8]
    assert float(said.norm()) == pytest.approx(float(mean.norm()), rel=1e-5)
    assert abs(float(torch.nn.functional.cosine_similarity(said, mean, dim=0))) < 0.9
    assert torch.equal(averaged.direction(mean, 0), said) and not torch.equal(averaged.direction(mean, 1), said)


def test_the_action_moves(policy, contexts, monkeypatch):  # noqa: F811
    before = policy.respond(contexts)
    assert np.abs(load(policy, contexts, monkeypatch).respond(contexts) - before).max() > 1e-3


@pytest.mark.parametrize("fields", [{"layer": 2}, {"head": 2}, {"said": "nothing"}])
def test_what_is_no_head_is_refused(policy, contexts, monkeypatch, fields):  # noqa: F811
    with pytest.raises(PipelineError, match="^toy: head . of layer . cannot say '.*': 2 layers of 2, "):
        load(policy, contexts, monkeypatch, **fields)
