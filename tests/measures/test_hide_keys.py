"""Keys hidden from attention: which ones, that they have no way around, and what the losses are over."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from pipeline.measures import hide_keys
from pipeline.methods.trajectory_transformer.model import TrajectoryTransformerConfig, TrajectoryTransformerModel

WIDTH = 27  # of a transition: seventeen observed numbers are many enough for ten other dimensions
OBSERVED, ACTED = 19, 6


def model(layers):
    torch.manual_seed(0)
    config = TrajectoryTransformerConfig(
        vocab_size=5, block_size=3 * WIDTH - 1, observation_dim=OBSERVED, action_dim=ACTED, transition_dim=WIDTH,
        n_layer=layers, n_head=2, n_embd=8, initializer_range=0.5,
    )  # fmt: skip
    return TrajectoryTransformerModel(config).eval()


def windows(seed=0, count=3):
    return torch.randint(5, (count, 3 * WIDTH - 1), generator=torch.Generator().manual_seed(seed))


def logits(found, tokens, keys):
    with torch.inference_mode(), hide_keys.hidden(found, keys):
        return found(tokens).logits


MASKS = hide_keys.interventions(3 * WIDTH - 1, WIDTH)


def hidden_from(name, row):
    return MASKS[name][row].nonzero().flatten().tolist()


def test_the_keys_that_each_intervention_hides():
    row = 2 * WIDTH + 4  # reads dimension 4 of the third transition and predicts dimension 5
    assert hidden_from("intact", row) == []
    assert hidden_from("striated", row) == [5, WIDTH + 5]
    assert hidden_from("read", row) == [4, WIDTH + 4]
    assert hidden_from("other_1", row) == [6, WIDTH + 6]
    assert hidden_from("other_10", row) == [15, WIDTH + 15]
    assert hidden_from("lag_one", row) == list(range(WIDTH, 2 * WIDTH))
    assert hidden_from("older", row) == hidden_from("all_but_two", row) == list(range(WIDTH))
    assert hidden_from("past", row) == list(range(2 * WIDTH))
    assert hidden_from("all_but_two", WIDTH) == list(range(WIDTH)), "nor does the transition before see what is older"
    assert hidden_from("older", WIDTH) == hidden_from("striated", 4) == []
    # the reward's row predicts the value, whose keys nobody sees; other dimensions go round and leave the value out
    assert hidden_from("other_3", 2 * WIDTH + WIDTH - 3) == [2, WIDTH + 2]


@pytest.mark.parametrize("name", ["striated", "read", "other_4", "lag_one", "past"])
def test_a_hidden_key_changes_nothing_in_one_layer_and_others_do(name):
    one, tokens = model(1), windows()
    row = 2 * WIDTH + 4
    keys = hidden_from(name, row)
    before = logits(one, tokens, MASKS[name])[:, row]
    for position in range(2 * WIDTH):
        if position % WIDTH == WIDTH - 1:
            continue  # values are never seen
        changed = tokens.clone()
        changed[:, position] = (changed[:, position] + 1) % 5
        same = torch.equal(logits(one, changed, MASKS[name])[:, row], before)
        assert same == (position in keys), position


def test_all_but_two_leaves_no_way_around_through_other_rows_and_older_does():
    two, tokens = model(2), windows()
    changed = tokens.clone()
    changed[:, : WIDTH - 1] = (changed[:, : WIDTH - 1] + 1) % 5
    last = slice(2 * WIDTH, None)
    for name, same in (("all_but_two", True), ("older", False), ("intact", False)):
        found = [logits(two, each, MASKS[name])[:, last] for each in (tokens, changed)]
        assert torch.equal(*found) == same, name


def test_losses_are_over_the_latest_transition_by_kind_and_the_model_is_left_as_it_was():
    one, tokens = model(2), windows(count=20)
    found = hide_keys.losses(one, tokens, MASKS["intact"])
    with torch.inference_mode():
        each = functional.cross_entropy(one(tokens[:, :-1]).logits.transpose(1, 2), tokens[:, 1:], reduction="none").mean(dim=0)
    first = 2 * WIDTH  # the row of the latest transition's first dimension
    assert found["observation"] == pytest.approx(float(each[first : first + OBSERVED - 1].mean()), abs=1e-6)
    assert found["action"] == pytest.approx(float(each[first + OBSERVED - 1 : first + OBSERVED + ACTED - 1].mean()), abs=1e-6)
    assert found["reward"] == pytest.approx(float(each[-1]), abs=1e-6)
    assert hide_keys.losses(one, tokens, MASKS["past"]) != found == hide_keys.losses(one, tokens, MASKS["intact"])


def test_rises_are_over_trainings():
    def training(intact, striated, other):
        names = ["striated", *(f"other_{further}" for further in hide_keys.OTHERS)]
        rows = dict.fromkeys(names, {"observation": intact + other, "action": 1.0, "reward": 1.0})
        return {
            "intact": {"observation": intact, "action": 1.0, "reward": 1.0},
            **rows,
            "striated": {"observation": striated, "action": 1.5, "reward": 0.5},
            "other_1": {"observation": 100.0, "action": 1.0, "reward": 1.0},
        }

    found = hide_keys.summarize([training(1.0, 3.0, 0.1), training(1.5, 4.5, 0.3)], 64, 100)
    assert (found["trainings"], found["contexts"]) == (2, 64)
    assert found["chance"] == pytest.approx(math.log(100))
    assert found["losses"]["striated"]["observation"] == [3.0, 4.5]
    rise = found["rise"]["striated"]["observation"]
    half = 12.7062 * np.std([2.0, 3.0], ddof=1) / 2**0.5
    assert rise["mean"] == pytest.approx(2.5) and rise["high"] - rise["mean"] == pytest.approx(half, rel=1e-4)
    assert found["rise"]["striated"]["action"]["mean"] == 0.5 and found["rise"]["striated"]["reward"]["mean"] == -0.5
    assert found["rise_others"]["mean"] == pytest.approx(0.2), "a median: one that is far off does not count"
    assert "intact" not in found["rise"]
