"""Training of the Trajectory Transformer: its loop, its beginning, its resumption and its continuation."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from pipeline import PipelineError
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints
from pipeline.learning import descent, loop
from pipeline.methods.trajectory_transformer import discretization, further
from pipeline.methods.trajectory_transformer import model as trajectory_transformer
from pipeline.methods.trajectory_transformer import train as train_trajectory_transformer
from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer
from pipeline.study.runs import TRAJECTORY_TRANSFORMER
from tests.toy import assert_one_sentence

RUN = dataclasses.replace(
    TRAJECTORY_TRANSFORMER, bins=10, transitions=2, layers=1, heads=2, width=16, batch_size=2, updates=5, warmup_updates=1,
    interval_updates=2, held_out_episodes=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> Episodes:
    generator = np.random.default_rng(0)
    actions = generator.uniform(-1, 1, (4, 30, 6))
    return Episodes(*(part.astype(np.float32) for part in (generator.normal(size=(4, 30, 17)), actions, actions.sum(axis=-1))))


def train(whole, path, run=RUN):
    """The trained model, and the curve."""
    torch.manual_seed(7)  # what happened before must not matter
    training = train_trajectory_transformer.prepare(run, whole)
    curve = loop.train(run, training, path)
    return training.model(), curve


@pytest.mark.parametrize(("update", "rate"), [(0, 1e-5), (49, 5e-4), (99, 1e-3), (100, 1e-3), (600, 5.5e-4), (1100, 1e-4)])
def test_the_learning_rate_warms_up_and_falls_to_a_tenth(update, rate):
    run = dataclasses.replace(RUN, updates=1100, warmup_updates=100, learning_rate=1e-3)
    assert descent.learning_rate(run, update) == pytest.approx(rate)


def test_a_run_stopped_after_an_interval_ends_at_the_same_weights(whole, tmp_path, monkeypatch):
    model, curve = train(whole, tmp_path / "undisturbed.safetensors")
    keep = checkpoints.write_tensors

    def keep_and_stop(*arguments):
        keep(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "write_tensors", keep_and_stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(whole, tmp_path / "stopped.safetensors")
    monkeypatch.undo()
    again, curve_again = train(whole, tmp_path / "stopped.safetensors")
    assert curve == curve_again and [point["updates"] for point in curve] == [2, 4, 5]
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


def test_tokens_seen_are_counted_in_the_curve_and_in_the_model(whole, tmp_path):
    model, curve = train(whole, tmp_path / "training.safetensors")
    assert model.config.block_size == 49
    assert [point["tokens_seen"] for point in curve] == [2 * 2 * 49, 4 * 2 * 49, 5 * 2 * 49]
    assert model.config.tokens_seen == 5 * 2 * 49


def test_a_loss_that_is_not_finite_ends_the_training_with_a_sentence(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(trajectory_transformer, "loss", lambda model, batch: model.pos_emb.sum() * float("nan"))
    with pytest.raises(PipelineError, match="not finite after 2 updates"):
        train(whole, tmp_path / "training.safetensors")
    assert not (tmp_path / "training.safetensors").exists()


def test_bins_are_made_from_the_episodes_to_learn_from_alone(whole, tmp_path):
    far = dataclasses.replace(whole, observations=whole.observations + 100 * (np.arange(4) == 3)[:, None, None])
    train_trajectory_transformer.prepare(RUN, far).beside(tmp_path)
    bins = discretization.read(tmp_path / discretization.FILE, RUN.bins, 25)
    assert bins.thresholds[-1, 0] == whole.observations[:3, :, 0].max() < 50


def test_batches_are_windows_of_whole_transitions_with_targets_one_later(whole):
    edges = np.linspace(-4, 4, 11)[:, None].repeat(25, axis=1)
    batches = trajectory_transformer.Batches(whole, RUN, QuantileDiscretizer(edges))
    batch = batches.draw(np.random.default_rng(0), 3)
    assert batch["trajectories"].shape == batch["targets"].shape == (3, 49)
    assert torch.equal(batch["trajectories"][:, 1:], batch["targets"][:, :-1])
    flat = batches.tokens.reshape(4, -1)
    for row in batch["trajectories"].numpy():
        places = [(e, s) for e in range(4) for s in range(29) if np.array_equal(flat[e, 25 * s : 25 * s + 49], row)]
        assert len(places) == 1


def test_windows_run_over_a_terminal_state_into_stop_tokens_and_over_no_time_out():
    count, longest, lengths = 3, 4, np.array([3, 4, 1])
    place = (np.arange(longest) + 10.0 * np.arange(count)[:, None]).astype(np.float32)
    whole = Episodes(place[..., None], place[..., None] / 100, place / 10, lengths, np.array([True, False, True]))
    edges = np.array([0.0, 100.0])[:, None].repeat(4, axis=1)
    edges[:, 0] = -1e9, 1e9
    run = dataclasses.replace(RUN, bins=1, transitions=3)

    class Numbered(QuantileDiscretizer):
        """A transition's tokens are its observation's number; the stop token is 50."""

        bins = 50

        def encode(self, values):
            return np.repeat(values[:, :1], 4, axis=1).astype(np.int64)

    batches = trajectory_transformer.Batches(whole, run, Numbered(edges))
    batch = batches.draw(np.random.default_rng(0), 400)
    assert torch.equal(batch["trajectories"][:, 1:], batch["targets"][:, :-1])
    starts, counts = np.unique(batch["trajectories"][:, ::4], axis=0, return_counts=True)
    # of the first episode, 0 to 2, all but its last transition; of the second, 10 to 13, windows that fit; of the third none
    assert starts.tolist() == [[0, 1, 2], [1, 2, 50], [10, 11, 12], [11, 12, 13]] and counts.min() > 70
    over = batch["targets"][batch["trajectories"][:, 0] == 1]
    assert (over[:, :7] < 50).all() and (over[:, 7:] == 50).all()  # the end is foretold by the last value's token


def test_bins_are_made_of_transitions_and_never_of_padding(whole, tmp_path):
    observations = whole.observations.copy()
    observations[1, 12:] = 1e6
    ends = {"lengths": np.array([30, 12, 30, 30]), "terminated": np.array([False, True, False, False])}
    padded = dataclasses.replace(whole, observations=observations, **ends)
    train_trajectory_transformer.prepare(RUN, padded).beside(tmp_path)
    assert discretization.read(tmp_path / discretization.FILE, RUN.bins, 25).thresholds[-1].max() < 100


def test_losses_by_kind_are_the_mean_cross_entropies_of_their_targets(whole):
    torch.manual_seed(0)
    model = trajectory_transformer.build(RUN, whole).eval()
    edges = np.linspace(-4, 4, 11)[:, None].repeat(25, axis=1)
    batch = trajectory_transformer.Batches(whole, RUN, QuantileDiscretizer(edges)).draw(np.random.default_rng(0), 3)
    with torch.inference_mode():
        found = trajectory_transformer.losses_by_kind(model, batch)
        logs = model(batch["trajectories"]).logits.log_softmax(-1)
    by_hand = {kind: [] for kind in trajectory_transformer.KINDS}
    for row in range(3):
        for place in range(49):
            dimension = (place + 1) % 25
            kind = "observation" if dimension < 17 else "action" if dimension < 23 else "reward" if dimension == 23 else "value"
            by_hand[kind].append(-float(logs[row, place, batch["targets"][row, place]]))
    assert found == pytest.approx({kind: np.mean(losses) for kind, losses in by_hand.items()}, abs=1e-5)


def test_held_out_losses_of_a_model_that_knows_nothing_are_the_logarithm_of_its_vocabulary(whole, tmp_path, monkeypatch):
    def idle(model, run):
        """No optimizer moves anything, and every token, the stop token with them, is as likely as any other."""
        for parameter in model.head.parameters():
            torch.nn.init.zeros_(parameter)
        return [torch.optim.SGD(model.parameters(), 0.0)]

    monkeypatch.setattr(trajectory_transformer, "make_optimizers", idle)
    monkeypatch.setattr(descent.training, "__defaults__", (lambda run, update: 0.0,))
    _, curve = train(whole, tmp_path / "training.safetensors", dataclasses.replace(RUN, precision="float32"))
    by_chance = pytest.approx(np.log(11), rel=1e-5)
    for point in curve:
        assert {kind: point[f"held_out_{kind}"] for kind in trajectory_transformer.KINDS} == dict.fromkeys(
            ("observation", "action", "reward", "value"), by_chance
        )


def test_held_out_losses_are_means_over_eight_batches_of_thirty_two_windows(whole, tmp_path, monkeypatch):
    drawn, numbers = [], iter(range(1000))
    draw = trajectory_transformer.Batches.draw

    def note(batches, generator, size):
        drawn.append((len(batches.tokens), size))
        return draw(batches, generator, size)

    monkeypatch.setattr(trajectory_transformer.Batches, "draw", note)
    monkeypatch.setattr(
        trajectory_transformer,
        "losses_by_kind",
        lambda model, batch: dict.fromkeys(trajectory_transformer.KINDS, float(next(numbers))),
    )
    _, curve = train(whole, tmp_path / "training.safetensors")
    # losses 0 to 7, then 8 to 15, then 16 to 23; three episodes are learnt from, one is held out
    assert [point["held_out_action"] for point in curve] == [3.5, 11.5, 19.5]
    assert drawn == [(3, 2)] * 2 + [(1, 32)] * 8 + [(3, 2)] * 2 + [(1, 32)] * 8 + [(3, 2)] + [(1, 32)] * 8


def test_neighboring_bins_begin_alike_and_far_ones_do_not(whole):
    torch.manual_seed(0)
    model = trajectory_transformer.build(dataclasses.replace(RUN, bins=100, width=64), whole)
    for table in (model.tok_emb.weight[:-1].view(25, 100, 64), model.head.weight[:, :100]):
        near = torch.cosine_similarity(table[:, :-1], table[:, 1:], dim=-1).mean()
        far = torch.cosine_similarity(table[:, :50], table[:, 50:], dim=-1).mean()
        assert near > 0.9 > 0.5 > abs(far)


def test_every_parameter_has_one_optimizer_and_only_maps_and_heads_decay(whole):
    model = trajectory_transformer.build(RUN, whole)
    muon, adamw = trajectory_transformer.make_optimizers(model, RUN)
    groups = [*muon.param_groups, *adamw.param_groups]
    held = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(held) == sorted(id(parameter) for parameter in model.parameters())
    decayed = {id(parameter) for group in groups if group["weight_decay"] for parameter in group["params"]}
    named = {name for name, parameter in model.named_parameters() if id(parameter) in decayed}
    maps = {f"blocks.0.{map}.weight" for map in ("attn.key", "attn.query", "attn.value", "attn.proj", "l1", "l2")}
    assert named == maps | {"head.weight"}


def test_half_precision_takes_another_way_through_attention_with_the_same_result(whole):
    torch.manual_seed(0)
    model = trajectory_transformer.build(RUN, whole).train()
    tokens = torch.randint(0, 10, (2, 49))
    whole_precision = model(tokens).logits
    with torch.autocast("cpu", torch.bfloat16):
        half = model(tokens).logits
    assert half.dtype == torch.bfloat16 and torch.allclose(half.float(), whole_precision, atol=0.05)


def test_a_checkpoint_is_trained_further_and_its_tokens_add_up(own_toy):
    card = own_toy.root / "checkpoints" / "local_tt_halfcheetah" / "README.md"
    evidence = own_toy.root / "results" / "training" / "local_tt_halfcheetah.json"
    bins = (card.parent / "discretizer.safetensors").read_bytes()
    once = json.loads(evidence.read_text(encoding="utf-8"))["values"]
    words = ("pipeline", "make", "training/local_tt_halfcheetah", "--from", "local_tt_halfcheetah")
    done = own_toy.run(*words)
    assert done.returncode == 0, done.stderr
    twice = json.loads(evidence.read_text(encoding="utf-8"))["values"]
    assert once["begun_from"] is None and twice["begun_from"].startswith("local_tt_halfcheetah, sha256 ")
    assert (twice["tokens_seen_before"], twice["tokens_seen"]) == (once["tokens_seen"], once["tokens_seen"] * 3 / 2)
    assert twice["curve"][: len(once["curve"])] == once["curve"]
    assert twice["curve"][len(once["curve"])]["tokens_seen"] > once["tokens_seen"]
    assert f"{twice['tokens_seen']:,}, of which {once['tokens_seen']:,} by local_tt_halfcheetah" in card.read_text(
        encoding="utf-8"
    )
    assert (card.parent / "discretizer.safetensors").read_bytes() == bins
    checkpoints.verify(card.parent)
    own_toy.edit(
        "pipeline/study/runs.py", "further_updates=2", "further_updates=3"
    )  # says nothing of a checkpoint that is there
    assert own_toy.run("pipeline", "make", "attention/local_tt_halfcheetah").returncode == 0
    assert own_toy.leftovers() == [] and not list((own_toy.root / "build" / "further").glob("*"))


def test_further_training_has_its_own_rate_and_number_of_updates():
    run = dataclasses.replace(RUN, updates=9, learning_rate=0.5, further_updates=3, further_learning_rate=0.1)
    assert further.going_on(run) == dataclasses.replace(run, updates=3, learning_rate=0.1)


def test_a_checkpoint_of_another_architecture_is_not_trained_further(own_toy):
    words = ("pipeline", "make", "training/local_tt_halfcheetah", "--from")
    before = own_toy.snapshot()
    assert_one_sentence(own_toy.run(*words, "local_dt_halfcheetah"), "local_dt_halfcheetah", "missing keys")
    assert_one_sentence(own_toy.run(*words, "nothing"), "nothing holds no checkpoint")
    own_toy.edit("pipeline/study/runs.py", "layers=1, heads=2, width=8", "layers=1, heads=2, width=16")
    assert_one_sentence(own_toy.run(*words, "local_tt_halfcheetah"), "another architecture", "is (8,), not (16,)")
    assert own_toy.snapshot() == before
