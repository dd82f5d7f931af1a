"""LEAP's network: what it may see, what it may not, what it is trained on; and its training's way back after a kill."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from pipeline.data.demonstrations import Demonstrations
from pipeline.learning import loop
from pipeline.learning.held_out import split
from pipeline.methods.leap import model as leap
from pipeline.methods.leap import train as train_leap
from pipeline.methods.leap.grid_cloning import GridCloningConfig, GridCloningModel
from pipeline.methods.leap.model import MASK, PAD, LeapConfig, LeapModel
from pipeline.methods.leap.train import Drawer
from pipeline.study import runs
from pipeline.worlds import levels
from pipeline.worlds.levels import Views

torch.set_num_threads(1)
TINY = {"hidden_size": 16, "layers": 2, "heads": 2, "channels": 8, "horizon": 4}
LEVELS = ("go_to_local_s7n5", "go_to_obj_maze_s4_open")


def make_clear_model(scale: float) -> LeapModel:
    """A random model whose choices are clear, the more so the larger the scale."""
    model = make_model()
    with torch.no_grad():
        model.head.weight.mul_(scale)
    return model


def make_model(**options) -> LeapModel:
    """A random model whose weights are large enough for everything it reads to matter."""
    torch.manual_seed(0)
    model = LeapModel(LeapConfig(**{**TINY, **options})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


def make_views(count: int, side: int = 9, seed: int = 0) -> Views:
    """Random grids of `side` cells in a canvas of 19, and random poses, goals and missions."""
    generator = np.random.default_rng(seed)
    images = np.zeros((count, 19, 19, 3), dtype=np.uint8)
    for channel, (low, high) in enumerate(((1, 11), (0, 6), (0, 3))):
        images[:, :side, :side, channel] = generator.integers(low, high, size=(count, side, side))
    poses = np.column_stack([generator.integers(side, size=(count, 2)), generator.integers(4, size=count)])
    missions = generator.integers(1, 24, size=(count, 9))
    missions[:, 5:] = 0
    return Views(images, poses, generator.integers(side, size=(count, 2)), missions)


def changed(views: Views, **arrays) -> Views:
    return dataclasses.replace(views, **arrays)


def make_demonstrations(level: str, episodes: int = 6, seed: int = 0) -> Demonstrations:
    """Random steps; the action is the number of steps to the episode's end, at most 5."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 9, size=episodes)
    views = make_views(int(lengths.sum()), side=7, seed=seed)
    actions = np.concatenate([np.minimum(np.arange(length)[::-1], 5) for length in lengths])
    return Demonstrations(level, views.images, views.poses, views.goals, views.missions, actions, actions == 0)


def small_run(**options):
    """A training that takes seconds."""
    sizes = {"hidden_size": 16, "layers": 1, "heads": 2, "channels": 8, "batch_size": 8, "held_out_episodes": 2}
    steps = {"updates": 6, "interval_updates": 2, "warmup_updates": 1}
    return runs.LeapTraining("toy", LEVELS, **{**sizes, **steps, **options})


def test_the_published_sizes_make_at_most_a_million_and_two_hundred_thousand_parameters():
    assert sum(parameter.numel() for parameter in LeapModel(LeapConfig()).parameters()) <= 1_200_000


def test_ahead_and_aside_are_steps_from_where_the_agent_stands_and_looks():
    places = torch.tensor([[5, 4]] * 4)
    poses = torch.tensor([[3, 3, 0], [3, 3, 1], [3, 3, 2], [3, 3, 3]])
    assert leap.ahead_and_aside(places, poses).tolist() == [[2, 1], [1, -2], [-2, -1], [-1, 2]]


def test_every_logit_of_a_step_depends_on_every_other_action():
    model, actions = make_model(), torch.tensor([[0, 1, 2, 3]])
    context = model.encode(make_views(1))
    for step, other in itertools.permutations(range(4), 2):
        masked, altered = actions.clone(), actions.clone()
        masked[0, step] = altered[0, step] = MASK
        altered[0, other] = 5
        assert not torch.allclose(model(context, masked).logits[0, step], model(context, altered).logits[0, step])


def test_a_causal_model_sees_nothing_of_its_own_action_and_the_later_ones():
    model, actions = make_model(causal=True), torch.tensor([[0, 1, 2, 3]])
    context = model.encode(make_views(4))[None]
    before = model(context, actions).logits
    for step in range(4):
        after = model(context, actions.index_fill(1, torch.tensor([step]), 5)).logits
        torch.testing.assert_close(after[:, : step + 1], before[:, : step + 1])
        assert step == 3 or not torch.allclose(after[:, step + 1 :], before[:, step + 1 :])
    later = model(torch.cat([context[:, :2], context[:, :2]], dim=1), actions).logits
    torch.testing.assert_close(later[:, :2], before[:, :2])


def test_one_step_asked_for_alone_has_the_logits_it_has_among_all():
    generator = torch.Generator().manual_seed(1)
    actions, steps = torch.randint(8, (6, 4), generator=generator), torch.tensor([0, 1, 2, 3, 0, 2])
    for causal in (False, True):
        model = make_model(causal=causal)
        context = model.encode(make_views(6))
        whole = model(context, actions).logits[torch.arange(6), steps]
        torch.testing.assert_close(model(context, actions, steps).logits, whole)


def test_attention_weights_are_returned_for_every_layer_and_head_and_sum_to_one():
    model = make_model()
    weights = model(model.encode(make_views(3)), torch.full((3, 4), MASK), output_attentions=True).attentions
    assert [tuple(layer.shape) for layer in weights] == [(3, 2, 8, 8)] * 2
    torch.testing.assert_close(weights[0].sum(-1), torch.ones(3, 2, 8))


def test_everything_an_agent_may_see_matters_and_the_goal_where_it_is_told_alone():
    views = make_views(1)
    images, missions = views.images.copy(), views.missions.copy()
    images[0, 2, 2] = (5, (views.images[0, 2, 2, 1] + 1) % 6, 0)
    missions[0, 1] = missions[0, 1] % 23 + 1
    others = {
        "images": changed(views, images=images),
        "poses": changed(views, poses=(views.poses + [[0, 0, 1]]) % [[19, 19, 4]]),
        "missions": changed(views, missions=missions),
        "goals": changed(views, goals=(views.goals + 1) % 9),
    }
    for with_goal in (True, False):
        model = make_model(with_goal=with_goal)
        same = {name: torch.equal(model.encode(views), model.encode(other)) for name, other in others.items()}
        assert same == {"images": False, "poses": False, "missions": False, "goals": not with_goal}


def test_what_is_seen_does_not_depend_on_whose_view_is_beside_it_nor_on_the_canvas():
    model, small, large = make_model(), make_views(2, side=7), make_views(2, side=18, seed=1)
    both = Views(*(np.concatenate(pair) for pair in zip(*map(dataclasses.astuple, (small, large)), strict=True)))
    torch.testing.assert_close(model.encode(both)[:2], model.encode(small))
    torch.testing.assert_close(model.encode(small)[:1], model.encode(small[:1]))


def test_words_after_the_last_do_not_matter_to_how_an_instruction_is_read():
    instruction = make_model().encoder.instruction
    torch.testing.assert_close(instruction(torch.tensor([[3, 4, 0, 0]])), instruction(torch.tensor([[3, 4]])))


def test_a_plan_longer_than_the_model_has_positions_for_is_refused():
    model = make_model()
    with pytest.raises(ValueError, match="a plan of 5 actions, and the model was made for at most 4"):
        model(model.encode(make_views(1)), torch.zeros(1, 5, dtype=torch.long))


def test_a_model_saved_and_loaded_computes_the_same(tmp_path):
    for model in (make_model(), GridCloningModel(GridCloningConfig(**TINY)).eval()):
        model.save_pretrained(tmp_path)
        again = type(model).from_pretrained(tmp_path).eval()
        torch.testing.assert_close(again.encoder.see(make_views(2)), model.encoder.see(make_views(2)))


def test_windows_follow_their_episode_and_are_padded_after_its_end():
    whole = make_demonstrations(LEVELS[0])
    for causal, seen in ((False, 1), (True, train_leap.LONGEST)):
        drawer = Drawer(whole, small_run(causal=causal))
        windows = drawer.draw(np.random.default_rng(0), 50)
        assert windows.actions.shape == (50, drawer.horizon) and len(windows.views) == 50 * seen
        for row in windows.actions:
            real = row[row != PAD]
            rest = min(len(real), drawer.horizon)
            assert (row[rest:] == PAD).all()
            assert (np.diff(real) <= 0).all() and (len(real) == drawer.horizon or real[-1] == 0)


def test_a_causal_window_sees_the_view_before_each_of_its_actions():
    whole = make_demonstrations(LEVELS[0])
    windows = Drawer(whole, small_run(causal=True)).draw(np.random.default_rng(0), 20)
    images = windows.views.images.reshape(20, train_leap.LONGEST, *whole.images.shape[1:])
    for row, seen in zip(windows.actions, images, strict=True):
        start = next(index for index, image in enumerate(whole.images) if np.array_equal(image, seen[0]))
        count = int((row != PAD).sum())
        assert np.array_equal(row[:count], whole.actions[start : start + count])
        assert np.array_equal(seen[:count], whole.images[start : start + count])


def test_a_batch_takes_every_level_and_keeps_horizons_apart():
    drawers = [Drawer(make_demonstrations(level), small_run()) for level in LEVELS]
    batch = train_leap.draw(drawers, np.random.default_rng(0), 40)
    assert [windows.actions.shape[1] for windows in batch] == [levels.find(level).horizon for level in LEVELS]
    assert sum(len(windows.actions) for windows in batch) == 40


def test_the_loss_is_the_mean_energy_of_an_action():
    run = small_run(dropout=0.0)
    torch.manual_seed(0)
    model = train_leap.build(run).eval()
    batch = train_leap.draw([Drawer(make_demonstrations(level), run) for level in LEVELS], np.random.default_rng(0), 12)
    energies = [leap.energy(model, model.encode(part.views), torch.from_numpy(part.actions)).sum().item() for part in batch]
    count = sum((part.actions != PAD).sum() for part in batch)
    assert train_leap.loss(model, batch).item() == pytest.approx(sum(energies) / count, rel=0.02)  # bfloat16


def windows(*actions) -> train_leap.Windows:
    """Windows of these actions, whose views do not matter."""
    return train_leap.Windows(make_views(len(actions)), np.array(actions))


def test_held_out_losses_are_nats_of_the_actions_that_are_no_padding_and_each_level_counts_the_same(monkeypatch):
    def guess(model, shown):
        """Of six actions: 0 and 1 with 3/8 and 5/8 where the first action is 0, and 2 surely where it is 2."""
        actions = torch.from_numpy(shown.actions)
        logits = torch.full((*actions.shape, 6), -torch.inf)
        logits[..., 0], logits[..., 1] = np.log(3 / 8), np.log(5 / 8)
        sure = torch.full((6,), -1e9)
        sure[2] = 0.0
        return torch.where((actions[:, :1] == 2)[..., None], sure, logits), actions

    monkeypatch.setattr(train_leap, "predict", guess)
    held_out = {"one": windows([0, 1, PAD], [2, 2, 2]), "other": windows([0, PAD])}
    # of the first level's five actions one has 3/8, one 5/8, and three are sure; the likelier guess of the first two is 1
    one, other = (np.log(8 / 3) + np.log(8 / 5)) / 5, np.log(8 / 3)
    assert train_leap.measure(None, held_out) == pytest.approx(
        {
            "held_out_loss": (one + other) / 2,
            "held_out_accuracy": (4 / 5 + 0) / 2,
            "loss_one": one,
            "accuracy_one": 4 / 5,
            "loss_other": other,
            "accuracy_other": 0.0,
        }
    )


def test_the_training_loss_counts_every_action_the_same_whatever_its_level(monkeypatch):
    def guess(model, shown):
        """Sure of action 0 to the odds of 3 : 1 against action 1."""
        actions = torch.from_numpy(shown.actions)
        logits = torch.full((*actions.shape, 6), -1e9)
        logits[..., 0], logits[..., 1] = np.log(3.0), 0.0
        return logits, actions

    monkeypatch.setattr(train_leap, "predict", guess)
    model = dataclasses.make_dataclass("Model", [("device", torch.device)])(torch.device("cpu"))
    found = train_leap.loss(model, [windows([0, 0, PAD]), windows([1])])
    assert float(found) == pytest.approx((2 * np.log(4 / 3) + np.log(4)) / 3, rel=1e-5)


def test_cloning_guesses_the_first_action_alone(monkeypatch):
    model = GridCloningModel(GridCloningConfig(**TINY)).eval()
    logits, actions = train_leap.predict(model, windows([3, 1, 2, 0], [5, PAD, PAD, PAD]))
    assert logits.shape == (2, 1, 6) and actions.tolist() == [[3], [5]]


def test_the_last_episodes_are_held_out_and_windows_never_reach_them():
    whole = make_demonstrations(LEVELS[0])
    learnt, unseen = split(whole, small_run(held_out_episodes=2))
    assert (len(learnt), len(unseen)) == (4, 2)
    assert np.array_equal(np.concatenate([learnt.actions, unseen.actions]), whole.actions)


class Stopped(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("options", [{}, {"causal": True}, {"method": "grid_cloning", "with_goal": False}])
def test_a_training_stopped_halfway_ends_at_the_same_weights(options, tmp_path, monkeypatch):
    run, wholes = small_run(**options), [make_demonstrations(level) for level in LEVELS]

    def train(saved) -> tuple:
        training = train_leap.prepare(run, wholes)
        curve = loop.train(run, training, saved)
        return training.model(), curve

    straight, curve = train(tmp_path / "straight")
    measure, calls = train_leap.measure, iter(range(100))

    def stop_second(*arguments):
        if next(calls) == 1:
            raise Stopped
        return measure(*arguments)

    monkeypatch.setattr(train_leap, "measure", stop_second)
    with pytest.raises(Stopped):
        train(tmp_path / "halted")
    resumed, curve_again = train(tmp_path / "halted")
    assert curve_again == curve and [point["updates"] for point in curve] == [2, 4, 6]
    assert {f"accuracy_{level}" for level in LEVELS} < curve[0].keys()
    for one, other in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_card_tells_what_was_learnt_from_and_how_well_on_each_level():
    point = {"updates": 2, "loss": 1.0, "held_out_loss": 1.0, "held_out_accuracy": 0.5, f"accuracy_{LEVELS[0]}": 0.25}
    facts = train_leap.facts(small_run(), {"parameters": 10, "curve": [point]})
    assert facts["Held-out accuracy"] == f"{LEVELS[0]} 0.250" and "with goal True" in facts["Recipe"]
    assert facts["Model"] == "leap, 10 parameters" and facts["Data"] == f"{', '.join(LEVELS)}, each less 2 held-out episodes"
