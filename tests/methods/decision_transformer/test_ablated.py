"""A Decision Transformer with a part put out of action: which inputs its action still hangs on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import DecisionTransformerConfig, DecisionTransformerModel

from pipeline import PipelineError
from pipeline.methods.decision_transformer import ablated as decision_transformer_ablated
from pipeline.methods.decision_transformer.policy import DecisionTransformerPolicy
from pipeline.study import studies

RUN = replace(studies.ABLATIONS[1], name="toy", checkpoint="toy")


@pytest.fixture
def policy():
    """A Decision Transformer that knows four steps, its weights drawn at random and large, so that all inputs count."""
    torch.manual_seed(0)
    config = DecisionTransformerConfig(
        state_dim=2, act_dim=1, hidden_size=16, n_layer=2, n_head=2, max_ep_len=10, context_length=4, return_scale=1.0,
        observation_mean=[0.0, 0.0], observation_std=[1.0, 1.0], initializer_range=0.5,
    )  # fmt: skip
    return DecisionTransformerPolicy(DecisionTransformerModel(config), 3.0)


def last_action(policy, ablated, monkeypatch, target=3.0, first=(0.1, 0.2), reward=0.5):
    """The action at the second step, given what was seen at the first."""
    policy.target_return, length = target, policy.context_length
    hooks = [part for layer in policy.model.encoder.h for part in (layer.attn, layer.mlp)]
    monkeypatch.setattr(decision_transformer_ablated.decision_transformer, "load", lambda run: policy)
    played = decision_transformer_ablated.load(replace(RUN, ablated=ablated)) if ablated else policy
    played.reset([0])
    played.act(np.array([first], np.float32), np.zeros(1))
    action = played.act(np.array([[0.3, 0.4]], np.float32), np.array([reward]))
    policy.context_length = length
    for part in hooks:
        part._forward_hooks.clear()
    return float(action[0, 0])


@pytest.mark.parametrize(
    ("ablated", "hears_the_return", "sees_the_past"),
    [(None, True, True), ("attention", False, False), ("perceptrons", True, True), ("history", True, False)],
)
def test_the_action_hangs_on_what_is_left(policy, monkeypatch, ablated, hears_the_return, sees_the_past):
    usual = last_action(policy, ablated, monkeypatch)
    assert (last_action(policy, ablated, monkeypatch, target=9.0) != usual) == hears_the_return
    assert (last_action(policy, ablated, monkeypatch, first=(0.9, -0.9)) != usual) == sees_the_past
    assert usual == last_action(policy, ablated, monkeypatch)


def test_each_part_does_something_of_its_own(policy, monkeypatch):
    actions = [last_action(policy, ablated, monkeypatch) for ablated in (None, "attention", "perceptrons", "history")]
    assert len(set(actions)) == 4


def test_without_attention_an_action_is_what_perceptrons_make_of_the_state_alone(policy, monkeypatch):
    found = last_action(policy, "attention", monkeypatch)
    model = policy.model
    with torch.no_grad():
        embedded = model.embed_state(torch.tensor([0.3, 0.4])) + model.embed_timestep(torch.tensor(1))
        stream = model.embed_ln(embedded) + model.encoder.wpe(torch.tensor(0))  # which transformers adds to every token
        for layer in model.encoder.h:
            stream = stream + layer.mlp(layer.ln_2(stream))
        action = model.predict_action(model.encoder.ln_f(stream))
    assert found == pytest.approx(float(action), abs=1e-5)


def test_what_is_no_part_is_refused(policy, monkeypatch):
    with pytest.raises(PipelineError, match="^toy: there is no 'wings' to ablate: known are attention, perceptrons, history$"):
        last_action(policy, "wings", monkeypatch)
