"""The Trajectory Transformer: equal to the library's former model, its decoder equal to its forward.

`golden/trajectory_transformer.json` holds what transformers 4.57.6's `TrajectoryTransformerModel` gave (torch 2.13.0, one
thread): the model was made from `config`, its weights were those of `golden_weights` below, its tokens those of
`golden_tokens`; every tenth logit is kept, at some positions of two sequences; the loss stands for `targets` and a mask
of the first 200 positions; one row of attention weights for 249 tokens. `weights_sha256` is over the weights' bytes in
the order of their names.
"""

import copy
import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModel

from pipeline import PipelineError
from pipeline.evidence import checkpoints
from pipeline.evidence.checkpoints import CheckpointError
from pipeline.methods.trajectory_transformer import decoding
from pipeline.methods.trajectory_transformer.decoding import Decoder
from pipeline.methods.trajectory_transformer.model import TrajectoryTransformerConfig, TrajectoryTransformerModel

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "trajectory_transformer.json").read_text(encoding="utf-8"))
CONFIG = TrajectoryTransformerConfig.from_dict(GOLDEN["config"])
TINY = {"n_layer": 2, "n_head": 2, "n_embd": 16}


def golden_weights() -> dict[str, torch.Tensor]:
    """Normal weights of deviation 0.2, those that scale a layer's norm around 1, drawn in the order of their names."""
    generator, weights = np.random.default_rng(0), {}
    for name, tensor in sorted(TrajectoryTransformerModel(CONFIG).state_dict().items()):
        centre = 1.0 if name.endswith(("ln1.weight", "ln2.weight", "ln_f.weight")) else 0.0
        drawn = centre + 0.2 * generator.standard_normal(tuple(tensor.shape))
        weights[name] = torch.from_numpy(drawn.astype(np.float32))
    return weights


def golden_tokens(length: int) -> torch.Tensor:
    """Two sequences with a stop token at every seventh position."""
    tokens = np.random.default_rng(length).integers(0, 101, size=(2, length))
    tokens[:, ::7] = 100
    return torch.from_numpy(tokens)


@pytest.fixture(scope="module")
def golden_model() -> TrajectoryTransformerModel:
    model = TrajectoryTransformerModel(CONFIG).eval()
    model.load_state_dict(golden_weights())
    return model


@pytest.fixture(scope="module")
def tiny() -> TrajectoryTransformerModel:
    torch.manual_seed(0)
    model = TrajectoryTransformerModel(TrajectoryTransformerConfig(initializer_range=0.2, **TINY)).eval()
    torch.nn.init.normal_(model.pos_emb, std=0.2)
    return model


def random_tokens(*shape: int) -> torch.Tensor:
    """Tokens with a few stop tokens among them."""
    return torch.from_numpy(np.random.default_rng(0).integers(0, 101, size=shape))


def write_published(folder: Path, weights: dict, form: str) -> None:
    """A folder as the published repositories have it, the masks of old versions among the pickled weights."""
    (folder / "config.json").write_text(json.dumps(GOLDEN["config"]))
    if form == "safetensors":
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
    else:
        masks = {f"blocks.{layer}.attn.mask": torch.ones(1, 1, 249, 249) for layer in range(CONFIG.n_layer)}
        torch.save(weights | masks, folder / "pytorch_model.bin")


def test_the_golden_weights_are_drawn_as_they_were():
    joined = b"".join(weight.numpy().tobytes() for _, weight in sorted(golden_weights().items()))
    assert hashlib.sha256(joined).hexdigest() == GOLDEN["weights_sha256"]


@pytest.mark.parametrize("form", ["pytorch_model.bin", "safetensors"])
def test_a_published_folder_loads_and_gives_the_logits_of_transformers_4_57(form, tmp_path):
    write_published(tmp_path, golden_weights(), form)
    model, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert isinstance(model, TrajectoryTransformerModel)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert {case["length"] for case in GOLDEN["cases"]} >= {1, 24, 25, 26, 50, 142, 249}
    for case in GOLDEN["cases"]:
        with torch.inference_mode():
            logits = model.eval()(golden_tokens(case["length"])).logits
        expected = torch.tensor(case["logits"])
        torch.testing.assert_close(logits[:, case["positions"], ::10], expected, atol=1e-5, rtol=0)


def test_loss_and_attention_are_those_of_transformers_4_57(golden_model):
    targets = torch.from_numpy(np.random.default_rng(99).integers(0, 101, size=(2, 249)))
    mask = (torch.arange(249) < 200).float().expand(2, -1)
    with torch.inference_mode():
        output = golden_model(golden_tokens(249), targets, mask, output_attentions=True)
        plain = golden_model(golden_tokens(249))
    assert abs(float(output.loss) - GOLDEN["loss"]) <= 1e-5
    place = GOLDEN["attention"]
    row = output.attentions[place["layer"]][0, place["head"], place["query"]]
    torch.testing.assert_close(row[: len(place["row"])], torch.tensor(place["row"]), atol=1e-6, rtol=0)
    torch.testing.assert_close(output.logits, plain.logits, atol=1e-5, rtol=0)


def test_the_published_size_has_the_published_number_of_parameters():
    model = TrajectoryTransformerModel(TrajectoryTransformerConfig())
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_468_544
    assert tuple(model.head.weight.shape) == (25, 101, 128)


def test_neither_the_future_nor_any_value_changes_a_logit_and_the_past_does(tiny):
    tokens = random_tokens(1, 249)
    with torch.inference_mode():
        before = tiny(tokens).logits
        for changed in (24, 60, 99):
            other = tokens.clone()
            other[0, changed] = (other[0, changed] + 1) % 100
            moved = (tiny(other).logits - before).abs().amax(dim=-1)[0] > 0
            assert not moved[:changed].any() and moved[changed]
            assert bool(moved[changed + 1 :].any()) == (changed % 25 != 24)


def test_attention_weights_sum_to_one_and_leave_values_and_the_future_out(tiny):
    with torch.inference_mode():
        attentions = torch.stack(tiny(random_tokens(2, 60), output_attentions=True).attentions)
    assert attentions.shape == (2, 2, 2, 60, 60)
    assert torch.allclose(attentions.sum(-1), torch.ones(()))
    assert not attentions[..., 24::25].any() and not attentions.triu(1).any()


def test_an_actions_target_weighs_five_times_an_observations():
    model = TrajectoryTransformerModel(TrajectoryTransformerConfig(**TINY, value_weight=2))
    assert model.loss_weights(50).tolist() == ([1] * 16 + [5] * 6 + [1, 2, 1]) * 2


@pytest.mark.parametrize(
    "tokens", [torch.full((1, 5), 101), torch.full((1, 5), -1), torch.zeros(1, 250, dtype=torch.long), torch.zeros(1, 5)]
)
def test_tokens_the_model_cannot_know_are_refused(tiny, tokens):
    with pytest.raises(ValueError, match=r"between 0 and 100|at most 249"):
        tiny(tokens)


def test_reading_beyond_the_block_is_refused(tiny):
    decoder = Decoder(tiny)
    with torch.inference_mode():
        _, cache = decoder.begin(random_tokens(1, 249), beams=1, capacity=2)
        with pytest.raises(ValueError, match="position 249 lies beyond"):
            decoder.extend(cache, random_tokens(1, 1, 1))


def test_a_configuration_that_contradicts_itself_is_refused():
    with pytest.raises(ValueError, match="transition_dim is 25"):
        TrajectoryTransformerConfig(observation_dim=11)
    with pytest.raises(ValueError, match="no multiple"):
        TrajectoryTransformerConfig(n_head=3)


def test_a_checkpoint_of_other_sizes_is_refused(tmp_path):
    checkpoints.write_model(
        tmp_path / "checkpoints" / "other", TrajectoryTransformerModel(TrajectoryTransformerConfig(**TINY)), "A card."
    )
    config = tmp_path / "checkpoints" / "other" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text(encoding="utf-8")), "n_embd": 32}))
    checkpoints.write_sums(tmp_path / "checkpoints" / "other")
    with pytest.raises(CheckpointError, match="other"):
        checkpoints.load("other", TrajectoryTransformerModel, root=tmp_path)


@torch.inference_mode()
def decoded(model, tokens: torch.Tensor, first: int, chunk: int) -> torch.Tensor:
    """Logits (episode, beam, position, token) from `first` on, read in chunks after a beginning that all beams share."""
    decoder = Decoder(model)
    logits, cache = decoder.begin(tokens[:, 0, :first], tokens.shape[1], capacity=tokens.shape[2] - first)
    found = [] if logits is None else [logits[:, None].expand(-1, tokens.shape[1], -1)]
    for start in range(first, tokens.shape[2], chunk):
        found.append(decoder.extend(cache, tokens[:, :, start : start + chunk]))
    return torch.stack(found, dim=2)


def assert_decoded_as_forward(model, first: int, chunk: int, tolerance: float, beams: int = 3, length: int = 249) -> None:
    """Two episodes of beams that share their first tokens: every logit the decoder gives is the full forward's."""
    tokens = random_tokens(2, beams, length)
    tokens[:, :, :first] = tokens[:, :1, :first]
    with torch.inference_mode():
        full = model(tokens.flatten(0, 1)).logits.unflatten(0, (2, beams))
    ends = [*range(first + chunk - 1, length, chunk)] + ([length - 1] if (length - first) % chunk else [])
    ends = ([first - 1] if first else []) + ends
    torch.testing.assert_close(decoded(model, tokens, first, chunk), full[:, :, ends], atol=tolerance, rtol=0)


# nineteen beams: two groups of eight, and three
@pytest.mark.parametrize(("first", "beams"), [(0, 3), (24, 3), (25, 3), (142, 3), (142, 19)])
def test_decoding_token_by_token_is_the_full_forward_at_every_position(golden_model, first, beams):
    assert_decoded_as_forward(golden_model, first, chunk=1, tolerance=1e-5, beams=beams)


@pytest.mark.parametrize(("first", "chunk"), [(0, 1), (17, 1), (142, 1), (24, 10), (25, 25), (0, 60)])
def test_decoding_is_exact_in_double_precision_also_many_tokens_at_once(tiny, first, chunk):
    model = TrajectoryTransformerModel(tiny.config).double().eval()
    model.load_state_dict(tiny.state_dict())
    assert_decoded_as_forward(model, first, chunk, tolerance=1e-12)


@pytest.mark.parametrize(("heads", "size"), [(2, 3), (2, 4), (2, 12), (2, 16), (2, 24), (3, 8), (1, 16)])
def test_heads_of_any_size_and_number_are_decoded_exactly(heads, size):
    sizes = {"observation_dim": 3, "action_dim": 2, "transition_dim": 7, "vocab_size": 12, "block_size": 69}
    torch.manual_seed(0)
    model = (
        TrajectoryTransformerModel(TrajectoryTransformerConfig(n_layer=2, n_head=heads, n_embd=heads * size, **sizes))
        .double()
        .eval()
    )
    tokens = random_tokens(2, 3, 69) % 13
    tokens[:, :, :17] = tokens[:, :1, :17]
    with torch.inference_mode():
        full = model(tokens.flatten(0, 1)).logits.unflatten(0, (2, 3))[:, :, 16::4]
    torch.testing.assert_close(decoded(model, tokens, 17, 4), full, atol=1e-12, rtol=0)


@torch.inference_mode()
def test_kept_alternatives_go_on_as_if_they_had_always_been_beams(tiny):
    model = TrajectoryTransformerModel(tiny.config).double().eval()
    model.load_state_dict(tiny.state_dict())
    decoder, generator = Decoder(model), torch.Generator().manual_seed(0)
    shared = random_tokens(2, 42)
    history = shared[:, None].expand(-1, 3, -1)
    _, cache = decoder.begin(shared, beams=3, capacity=30)
    for _ in range(3):
        first = torch.randint(101, (2, 3, 2), generator=generator)
        second = torch.randint(101, (2, 3, 2), generator=generator)
        decoder.branch(cache, first)
        logits = decoder.branch(cache, second)
        forked = torch.cat([history[:, :, None].expand(-1, -1, 2, -1), first[..., None], second[..., None]], dim=-1)
        full = model(forked.flatten(0, 2)).logits[:, -1].view(2, 3, 2, -1)
        torch.testing.assert_close(logits, full, atol=1e-12, rtol=0)
        parents, chosen = torch.tensor([[2, 0, 0], [1, 1, 2]]), torch.tensor([[1, 0, 1], [0, 0, 1]])
        decoder.select(cache, parents, chosen)
        history = forked[torch.arange(2)[:, None], parents, chosen]
        more = torch.randint(101, (2, 3, 3), generator=generator)
        logits = decoder.extend(cache, more)
        history = torch.cat([history, more], dim=-1)
        torch.testing.assert_close(logits, model(history.flatten(0, 1)).logits[:, -1].view(2, 3, -1), atol=1e-12, rtol=0)


def test_beams_with_common_ancestors_are_read_one_after_the_other():
    table = torch.tensor([[[7, 2], [5, 1], [7, 3], [5, 0]], [[0, 0], [1, 1], [0, 2], [1, 3]]])
    assert decoding.reading_order(table).tolist() == [[3, 1, 0, 2], [0, 2, 1, 3]]


def test_a_cache_without_capacity_says_so(tiny):
    decoder = Decoder(tiny)
    with torch.inference_mode(), pytest.raises(ValueError, match="3 blocks an episode do not suffice"):
        _, cache = decoder.begin(random_tokens(1, 25), beams=2, capacity=3)
        decoder.extend(cache, random_tokens(1, 2, 30))


def test_blocks_that_no_beam_reads_any_more_are_used_again(tiny):
    decoder = Decoder(tiny)
    with torch.inference_mode():
        _, cache = decoder.begin(random_tokens(1, 42), beams=2, capacity=9)
        for _ in range(4):  # 4 blocks are opened each time, 16 in all
            decoder.branch(cache, random_tokens(1, 2, 2))
            decoder.select(cache, torch.tensor([[0, 0]]), torch.tensor([[0, 1]]))
        assert int(cache.table.max()) < 9


def test_tokens_that_are_not_the_caches_are_refused_and_leave_it_as_it_was(tiny):
    decoder = Decoder(tiny)
    with torch.inference_mode():
        _, cache = decoder.begin(random_tokens(2, 42), beams=3, capacity=30)
        with pytest.raises(ValueError, match=r"of 3 of 2 episodes' beams or alternatives, got tokens \(2, 2, 1\)"):
            decoder.extend(cache, random_tokens(2, 2, 1))
        with pytest.raises(ValueError, match=r"got tokens \(2, 2, 2\)"):
            decoder.branch(cache, random_tokens(2, 2, 2))
        assert cache.position == 42 and cache.table.shape[:2] == (2, 3)
        decoder.branch(cache, random_tokens(2, 3, 2))
        with pytest.raises(ValueError, match=r"each beam has 2 alternatives, got tokens \(2, 2, 3\)"):
            decoder.branch(cache, random_tokens(2, 2, 3))
        assert cache.position == 43 and cache.table.shape[:2] == (2, 6)


def test_alternatives_cannot_begin_with_a_value(tiny):
    decoder = Decoder(tiny)
    with torch.inference_mode(), pytest.raises(ValueError, match="position 49 is a value's"):
        _, cache = decoder.begin(random_tokens(1, 49), beams=1, capacity=3)
        decoder.branch(cache, random_tokens(1, 1, 2))


@pytest.mark.parametrize(
    ("compiler", "message"),
    [
        ("no-such-compiler", "there is no program 'no-such-compiler'"),
        ("/", "there is no program '/'"),
        ("'cc", "CC = 'cc names no compiler: No closing quotation"),
        ("false", "false cannot compile"),
        ("ccache no-such-compiler", "there is no program 'ccache'|cannot compile"),
        ("cc -O0", "CC = cc -O0 must name a compiler and nothing else.*options change the code"),
        ("ccache cc -DREAL=int", "must name a compiler and nothing else"),
        ("ccache -fno-fast-math", "must name a compiler and nothing else"),
        ("nice cc", "must name a compiler and nothing else"),
        (" ", "must name a compiler and nothing else"),
    ],
)
def test_where_there_is_no_compiler_planning_says_so(compiler, message, monkeypatch, tmp_path):
    monkeypatch.setenv("CC", compiler)
    monkeypatch.setattr(decoding.files, "ROOT", tmp_path)
    with pytest.raises(PipelineError, match=message):
        decoding.compiled.__wrapped__(torch.float32, 128, 32, 24)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_of_what_a_compiler_says_the_error_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(decoding.files, "ROOT", tmp_path)
    with pytest.raises(PipelineError, match=r"cc cannot compile decoding\.c: .*error: "):
        decoding.compiled.__wrapped__(torch.float32, 3, 3, "nonsense")


def test_layers_are_compiled_once_for_all_processes(monkeypatch, tmp_path):
    monkeypatch.setattr(decoding.files, "ROOT", tmp_path)
    decoding.compiled.__wrapped__(torch.float32, 128, 32, 24)
    (library,) = (path for path in tmp_path.rglob("*") if path.is_file())
    monkeypatch.setattr(decoding.subprocess, "run", lambda *_, **__: pytest.fail("it was compiled again"))
    decoding.compiled.__wrapped__(torch.float32, 128, 32, 24)
    monkeypatch.setattr(decoding, "processor", lambda: "another")
    monkeypatch.setattr(decoding, "run_compiler", lambda command: Path(command[-1]).write_bytes(library.read_bytes()))
    decoding.compiled.__wrapped__(torch.float32, 128, 32, 24)
    assert len(list(library.parent.iterdir())) == 2


def spoil_by_truncation(library):
    library.write_bytes(library.read_bytes()[:5000])


def spoil_by_a_bit(library):
    content = bytearray(library.read_bytes())
    content[len(content) // 2] ^= 1
    library.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [spoil_by_truncation, spoil_by_a_bit, lambda library: library.chmod(0o777), lambda library: library.parent.chmod(0o777)],
)
def test_a_library_that_others_could_have_written_or_that_was_damaged_is_compiled_anew(monkeypatch, tmp_path, spoil):
    monkeypatch.setattr(decoding.files, "ROOT", tmp_path)
    library = decoding.keep_library("decoding_a", b"compiled code " * 1000)
    assert decoding.find_library("decoding_a") == library
    spoil(library)
    assert decoding.find_library("decoding_a") is None
    assert decoding.keep_library("decoding_a", b"compiled code " * 1000) == library
    assert decoding.find_library("decoding_a") == library and library.read_bytes() == b"compiled code " * 1000


def test_a_library_of_another_user_is_not_loaded(monkeypatch, tmp_path):
    monkeypatch.setattr(decoding.files, "ROOT", tmp_path)
    decoding.keep_library("decoding_a", b"compiled code")
    monkeypatch.setattr(decoding.os, "geteuid", lambda: os.getuid() + 1)
    assert decoding.find_library("decoding_a") is None


def test_libraries_that_were_not_used_for_long_are_removed(monkeypatch, tmp_path):
    monkeypatch.setattr(decoding.files, "ROOT", tmp_path)
    old, used = (decoding.keep_library(f"decoding_{name}", b"compiled code") for name in ("old", "used"))
    (old.parent / "decoding_0123456789abcdef.so").write_bytes(b"as they were named before")
    for path in old.parent.iterdir():
        os.utime(path, (0, 0))
    assert decoding.find_library("decoding_used") == used
    new = decoding.keep_library("decoding_new", b"compiled code")
    assert sorted(old.parent.iterdir()) == sorted([used, new])


def test_weights_and_tokens_that_the_compiled_code_cannot_take_are_refused(tiny):
    spoilt = copy.deepcopy(tiny)
    spoilt.blocks[0].l1.weight.data[0, 0] = math.nan
    with pytest.raises(PipelineError, match="planning needs finite weights, and the model's blocks.0.l1.weight are not"):
        Decoder(spoilt)
    decoder, most = Decoder(tiny), tiny.config.vocab_size
    for token in (-1, most + 1):
        _, cache = decoder.begin(torch.zeros(1, 0, dtype=torch.int64), beams=1, capacity=3)
        with torch.inference_mode(), pytest.raises(decoding.TokensError, match=f"between 0 and {most}, found {token} to"):
            decoder.extend(cache, torch.tensor([[[token]]]))
        assert cache.position == 0
        decoder.extend(cache, torch.tensor([[[most]]]))


def test_what_python_pads_for_is_what_the_code_in_c_asserts(monkeypatch, tmp_path):
    monkeypatch.setattr(decoding.files, "ROOT", tmp_path)
    monkeypatch.setattr(decoding, "MOST_TOGETHER", 2)
    with pytest.raises(PipelineError, match="too little room for rows taken together"):
        decoding.compiled.__wrapped__(torch.float32, 128, 32, 24)
    monkeypatch.undo()
    monkeypatch.setattr(decoding.files, "ROOT", tmp_path)
    monkeypatch.setattr(decoding, "MOST_LANES", 2)
    with pytest.raises(PipelineError, match="pads to too few numbers"):
        decoding.compiled.__wrapped__(torch.float32, 128, 32, 24)


def test_what_cannot_be_loaded_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(decoding.files, "ROOT", tmp_path)
    monkeypatch.setattr(decoding, "run_compiler", lambda command: Path(command[-1]).write_bytes(b"nonsense"))
    with pytest.raises(PipelineError, match=r"decoding_\w+\.so cannot be loaded \(.*\): remove it"):
        decoding.compiled.__wrapped__(torch.float32, 128, 32, 24)


def test_other_precisions_are_refused(tiny):
    with pytest.raises(PipelineError, match=r"computes in torch.float32 or torch.float64, .* are torch.bfloat16"):
        Decoder(copy.deepcopy(tiny).bfloat16())


def test_compiled_layers_leave_the_smallest_numbers_alone():
    decoding.compiled(torch.float32, 128, 32, 24)
    assert np.float32(1e-40) / np.float32(2) > 0
