"""The library: what it takes of the pipeline, that a wheel of it works elsewhere, and that it acts as the evidence did."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import sequence_rl
import setup
from pipeline import PipelineError, files
from pipeline.methods.trajectory_transformer.decoding import Decoder, rearrange
from pipeline.methods.trajectory_transformer.planning import Search
from sequence_rl import plain_decoding
from tests.methods.trajectory_transformer import test_planning as tiny

README = (files.ROOT / "README.md").read_text(encoding="utf-8")
CHECKPOINTS = files.ROOT / "checkpoints"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel, made from what is in git as it stands here."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    names = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "MANIFEST.in")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "pipeline", "sequence_rl", *names],
        cwd=files.ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.split():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((files.ROOT / name).read_bytes())
    quiet = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *quiet, "--wheel-dir", str(place), str(source)], check=True)
    (made,) = place.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder with nothing but what is in the wheel."""
    place = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def elsewhere(installed: Path, folder: Path, program: str, **variables: str) -> str:
    """What a program prints in another folder, where the library is installed and this checkout is not to be found."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "XDG_CACHE_HOME": str(folder / "cache"), **variables}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wheel_holds_the_library_and_nothing_of_the_article(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        told = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    own = {f"sequence_rl/{path.name}" for path in (files.ROOT / "sequence_rl").iterdir() if path.suffix in (".py", ".typed")}
    own.add("sequence_rl/py.typed")
    assert names == own | {f"sequence_rl/core/{name}" for name in setup.library()}
    required = re.findall(r"^Requires-Dist: ([\w-]+)(?!.*extra ==)", told, re.MULTILINE)
    assert set(required) == {
        *("torch", "transformers", "huggingface_hub", "gymnasium", "minigrid", "numpy", "scipy", "safetensors", "platformdirs")
    }


def test_every_import_of_the_library_is_in_it_or_required():
    contents = {name: text for name, text in setup.library().items() if name.endswith(".py")}
    contents |= {f"../{path.name}": path.read_text(encoding="utf-8") for path in (files.ROOT / "sequence_rl").glob("*.py")}
    modules = {"sequence_rl", *(f"sequence_rl.{path.stem}" for path in (files.ROOT / "sequence_rl").glob("*.py"))}
    modules |= {f"sequence_rl.core.{name.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__") for name in contents}
    foreign = {"torch", "transformers", "huggingface_hub", "gymnasium", "minigrid", "numpy", "scipy", "safetensors"}
    foreign |= {"platformdirs", "jaxtyping"} | set(sys.stdlib_module_names)
    for name, text in contents.items():
        compile(text, name, "exec")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                assert {alias.name.partition(".")[0] for alias in node.names} <= foreign, name
            elif isinstance(node, ast.ImportFrom):
                assert node.module in modules or node.module.partition(".")[0] in foreign, (name, node.module)


def test_what_speaks_of_runs_or_datasets_is_left_out_and_so_is_what_it_alone_needed():
    policy, _ = setup.translated("pipeline.methods.trajectory_transformer.policy")
    assert "def load(" not in policy and "recipes" not in policy and "checkpoints" not in policy
    assert "class TrajectoryTransformerPolicy" in policy and "def untrained(" in policy
    model, needed = setup.translated("pipeline.methods.trajectory_transformer.model")
    assert "class Batches" not in model and "pipeline.data.windows" not in needed and "AutoModel.register" in model
    root, needed = setup.translated("pipeline")
    assert "environ" not in root and "mallopt" not in root and "class PipelineError" in root and not needed


def test_a_name_is_imported_when_it_is_used_and_statistics_do_without_torch(installed, tmp_path):
    said = elsewhere(
        installed,
        tmp_path,
        """
        import sys
        import sequence_rl
        print([name for name in ("torch", "numpy", "gymnasium", "scipy") if name in sys.modules])
        print(sequence_rl.t_interval([1.0, 2.0, 3.0])[0], sequence_rl.wilson(5, 10)["mean"])
        print(sequence_rl.find_world("HalfCheetah-v4").normalized_score(12135.0), "torch" in sys.modules)
        print(sequence_rl.__version__, sequence_rl.CORE)
        assert set(sequence_rl.__all__) <= set(dir(sequence_rl))
        print(all(getattr(sequence_rl, name) is not None for name in sequence_rl.__all__), "pipeline" in sys.modules)
        """,
    )
    assert said.splitlines() == ["[]", "2.0 0.5", "100.0 False", "0.1.0 sequence_rl.core", "True False"]


def snippet(first: str) -> str:
    """The block of Python in the README that holds a text."""
    return next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if first in block)


@pytest.mark.parametrize("compiler", ["cc", "no-such-compiler"], ids=["compiled", "plain"])
def test_the_readmes_lines_give_the_first_action_of_the_evidence(installed, tmp_path, compiler):
    (tmp_path / "checkpoints").symlink_to(CHECKPOINTS)
    program = "import warnings\nwarnings.simplefilter('ignore')\n" + snippet("load_policy") + "\nprint(action[0].tolist())"
    action = json.loads(elsewhere(installed, tmp_path, program, CC=compiler).splitlines()[-1])
    with np.load(files.ROOT / "results/rollouts/local_tt_halfcheetah_k32.npz") as played:
        assert action == pytest.approx(played["actions"][0].tolist(), abs=1e-6)


def test_a_decision_transformer_acts_as_in_the_evidence():
    policy = sequence_rl.load_policy(CHECKPOINTS / "local_dt_halfcheetah", target_return=6000)
    with np.load(files.ROOT / "results/rollouts/local_dt_halfcheetah_6000.npz") as played:
        policy.reset([100])
        rewards = np.concatenate([[0.0], played["rewards"]])
        for step in range(25):
            action = policy.act(played["observations"][step][None].astype(np.float32), rewards[step : step + 1])
            assert action[0] == pytest.approx(played["actions"][step], abs=1e-5)


def test_policies_are_saved_and_loaded_again_and_the_models_are_known_to_transformers(tmp_path):
    from transformers import AutoConfig, AutoModel

    import sequence_rl.models  # noqa: F401 - has transformers know them

    model = tiny.make_model(**tiny.SMALL_TRANSITIONS, **tiny.TINY)
    bins = tiny.make_discretizer(model.config)
    saved = sequence_rl.save_policy(sequence_rl.TrajectoryTransformerPolicy(model, bins, Search(beams=2)), tmp_path / "saved")
    policy = sequence_rl.load_policy(saved, beams=3, horizon=2)
    assert policy.search == Search(beams=3, horizon=2) and np.array_equal(policy.discretizer.thresholds, bins.thresholds)
    assert isinstance(AutoModel.from_pretrained(saved), sequence_rl.TrajectoryTransformerModel)
    for name in ("local_leap_goal", "local_bc_halfcheetah_s0"):
        assert AutoConfig.from_pretrained(CHECKPOINTS / name).model_type in ("leap", "deterministic_policy")
    leap = sequence_rl.load_policy(CHECKPOINTS / "local_leap_goal", horizon=5, iterations=10)
    evidence = json.loads((files.ROOT / "results/solved/local_leap_go_to_local_s8n7_published.json").read_text())["values"]
    played = sequence_rl.play_level(leap, "go_to_local_s8n7", evidence["seeds"][:1])
    assert [len(each) for each in played.values()] == [1, 1, 1]
    assert (played["success"][0], played["length"][0]) == (evidence["success"][0], evidence["length"][0])


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("nowhere", {}, "there is no folder 'nowhere'; of a model on the hub name the commit too"),
        ("contexts", {}, "does not say what model this is"),
        ("local_sac_halfcheetah_medium", {}, "'gaussian_policy'; known are trajectory_transformer, decision_transformer"),
        ("local_bc_halfcheetah_s0", {"beams": 3}, "gives no deterministic_policy policy with beams: "),
        ("local_rvs_halfcheetah_replay_s0", {}, "is told a return beside the observation"),
        ("local_leap_causal", {"horizon": 5, "iterations": 10}, "has no plan to refine"),
        ("", {}, "there is no folder ''; of a model on the hub name the commit too"),
        ("local_tt_halfcheetah", {"beams": 0}, "beams must be at least 1, got 0"),
        ("local_leap_goal", {}, "gives no leap policy without options: "),
    ],
)
def test_a_policy_that_cannot_be_made_is_one_sentence(name, options, said):
    place = CHECKPOINTS / name if name and (CHECKPOINTS / name).is_dir() else name
    with pytest.raises(sequence_rl.Error, match=re.escape(said)) as error:
        sequence_rl.load_policy(place, **options)
    assert "\n" not in str(error.value)


def damaged(tmp_path, change) -> Path:
    """A copy of a checkpoint with its weights' bytes, or its tensors, changed."""
    folder = tmp_path / "damaged"
    shutil.copytree(CHECKPOINTS / "local_bc_halfcheetah_s0", folder)
    change(folder / "model.safetensors", folder / "config.json")
    return folder


def lose_a_weight(weights: Path, _: Path) -> None:
    tensors = load_file(weights)
    tensors.pop(sorted(tensors)[0])
    save_file(tensors, weights, {"format": "pt"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lose_a_weight, "has missing keys, such as "),
        (lambda _, config: config.write_text('{"model_type": "leap"}'), "damaged has missing keys, such as "),
        (lambda weights, _: weights.write_bytes(weights.read_bytes()[:-9]), "gives no deterministic_policy policy"),
        (lambda weights, _: weights.write_bytes(b""), "gives no deterministic_policy policy"),
        (
            lambda _, config: config.write_text(config.read_text().replace('"observation_dim": 17', '"observation_dim": 5')),
            "damaged",
        ),
        (lambda _, config: config.write_text('{"model_type": []}'), "holds a model of type []"),
        (lambda _, config: config.write_text("[" * 100_000), "does not say what model this is"),
    ],
    ids=["a-weight-lost", "another-model", "cut", "empty", "another-shape", "no-type", "nested"],
)
def test_a_damaged_checkpoint_is_refused_in_a_sentence(tmp_path, change, said):
    with pytest.raises(sequence_rl.Error, match=re.escape(said)) as error:
        sequence_rl.load_policy(damaged(tmp_path, change))
    assert "\n" not in str(error.value)


def test_a_policy_is_saved_whole_or_not_at_all(tmp_path):
    policy = sequence_rl.load_policy(CHECKPOINTS / "local_bc_halfcheetah_s0")
    (tmp_path / "file").write_text("kept")
    with pytest.raises(sequence_rl.Error, match="is no folder"):
        sequence_rl.save_policy(policy, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "kept"
    saved = sequence_rl.save_policy(policy, tmp_path / "new" / "folder")
    assert sorted(path.name for path in saved.iterdir()) == ["config.json", "model.safetensors"]


def test_where_nothing_can_be_kept_planning_goes_on_without_the_compiler(installed, tmp_path):
    (tmp_path / "checkpoints").symlink_to(CHECKPOINTS)
    (tmp_path / "file").touch()
    program = "import warnings\nwarnings.simplefilter('ignore')\n" + snippet("load_policy") + "\nprint(action[0].tolist())"
    action = json.loads(elsewhere(installed, tmp_path, program, XDG_CACHE_HOME=str(tmp_path / "file")).splitlines()[-1])
    with np.load(files.ROOT / "results/rollouts/local_tt_halfcheetah_k32.npz") as played:
        assert action == pytest.approx(played["actions"][0].tolist(), abs=1e-6)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    policy = sequence_rl.load_policy(CHECKPOINTS / "local_bc_halfcheetah_s0")
    with torch.no_grad():
        next(policy.model.parameters()).view(-1)[0] = torch.nan
    sequence_rl.save_policy(policy, tmp_path)
    with pytest.raises(sequence_rl.Error, match="not finite"):
        sequence_rl.load_policy(tmp_path)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_plain_decoding_gives_the_logits_of_the_compiled(precision, monkeypatch):
    model = tiny.make_model(**tiny.SMALL_TRANSITIONS, **tiny.TINY).to(precision)
    contexts, generator = tiny.make_contexts(model.config, 3, 2), torch.Generator().manual_seed(0)
    size, slots = model.config.n_embd // model.config.n_head, model.config.transition_dim - 1
    compiled, plain = Decoder(model), Decoder(model)
    plain.decode = plain_decoding.decode_by(precision, model.config.n_embd, size, slots)
    plain.layers = torch.stack([rearrange(block, 1) for block in model.blocks])
    with torch.inference_mode():
        found = [each.begin(contexts, beams=4, capacity=40) for each in (compiled, plain)]
        caches = [cache for _, cache in found]
        logits = [[first] for first, _ in found]
        for step in range(9):  # beyond a transition, so that a value is read and a block is filled
            tokens = torch.randint(model.config.vocab_size, (3, 4, 1), generator=generator)
            for decoder, cache, kept in zip((compiled, plain), caches, logits, strict=True):
                kept.append(decoder.extend(cache, tokens))
            if step in (1, 6):
                tried = torch.randint(model.config.vocab_size, (3, 4, 2), generator=generator)
                parents = torch.randint(4, (3, 4), generator=generator)
                for decoder, cache, kept in zip((compiled, plain), caches, logits, strict=True):
                    kept.append(decoder.branch(cache, tried))
                    decoder.select(cache, parents, parents % 2)
    for one, other in zip(*logits, strict=True):
        assert torch.allclose(one, other, atol=1e-4 if precision == torch.float32 else 1e-9)


def test_a_precision_that_neither_knows_is_refused_and_a_compiler_that_fails_is_told(installed, tmp_path):
    program = """
        import warnings
        import torch
        from sequence_rl import kernels
        from sequence_rl.core import PipelineError

        def fails(dtype, *sizes):
            raise PipelineError("there is none")

        choose = kernels.or_plain(fails)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            decode, panel = choose(torch.float32, 16, 8, 6)
        print(panel, [str(each.message) for each in told])
        try:
            choose(torch.float16, 16, 8, 6)
        except PipelineError as error:
            print(error)
        """
    said = elsewhere(installed, tmp_path, program).splitlines()
    assert said == ["1 ['there is none; planning goes on without, several times slower']", "there is none"]


def test_a_models_card_tells_what_the_evidence_measured():
    from huggingface_hub import ModelCard

    from pipeline.show import model_card

    card = ModelCard(str(model_card.card("local_dt_halfcheetah")))
    assert card.data.library_name == "sequence_rl" and card.data.license == "mit"
    values = json.loads((files.ROOT / "results/evaluations/local_dt_halfcheetah_6000.json").read_text())["values"]
    told = {each.metric_name.rpartition("(")[2].rstrip(")"): each for each in card.data.eval_results}
    one = told["evaluations/local_dt_halfcheetah_6000"]
    assert (
        one.metric_value == values["return_mean"] and one.dataset_name == "HalfCheetah-v4" and one.metric_type == "mean_reward"
    )
    assert f"95% interval {values['return_low']:g} to {values['return_high']:g} (" in one.metric_name
    assert one.metric_name.startswith("10 episodes of decision transformer, asked for 6000: ")
    assert not any("without_attention" in name or "untrained" in name for name in told)
    assert "## Learning curve" in card.content
    solved = model_card.card("local_leap_goal").data.eval_results
    assert {each.metric_type for each in solved} == {"success_rate"} and not any(
        "drafted" in each.metric_name for each in solved
    )
    assert str(model_card.card("local_sac_halfcheetah_medium")).count("---") >= 2
    with pytest.raises(PipelineError, match="there is no checkpoint"):
        model_card.card("nowhere")


@pytest.mark.parametrize(
    "name", ["local_dt_halfcheetah", "local_tt_halfcheetah", "local_leap_goal", "local_td3bc_halfcheetah_s0"]
)
def test_what_a_card_says_of_use_is_so(name, monkeypatch):
    from pipeline.show import model_card

    monkeypatch.chdir(files.ROOT)
    (block,) = re.findall(r"```python\n(.*?)```", str(model_card.card(name)), re.DOTALL)
    said = {}
    exec(block, said)
    assert callable(said["policy"].act)


@pytest.mark.parametrize("name", ["local_leap_causal", "local_rvs_halfcheetah_replay_s0", "local_sac_halfcheetah_medium"])
def test_a_card_of_what_the_library_does_not_play_says_nothing_of_use(name):
    from pipeline.show import model_card

    assert "load_policy" not in str(model_card.card(name))


def test_the_page_of_the_interface_tells_of_all_that_is_public(tmp_path):
    """As `make api` does, but for the copy that a wheel would hold."""
    program = f"""
        import pathlib, pdoc, sequence_rl
        [getattr(sequence_rl, name) for name in sequence_rl.__all__]
        pdoc.render.configure(show_source=False)
        pdoc.pdoc("sequence_rl", output_directory=pathlib.Path({str(tmp_path)!r}))
        """
    subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(program)], cwd=files.ROOT, check=True)
    page = (tmp_path / "sequence_rl.html").read_text(encoding="utf-8")
    assert set(sequence_rl.__all__) <= set(re.findall(r'<section id="(\w+)">', page))
    assert not re.findall(r'(?:src|href)="https?://(?!pdoc\.dev)', page)
    recipe = re.search(r"^api:.*\n((?:\t.*\n)+)", (files.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert "setup.py" in recipe and 'pdoc.pdoc("sequence_rl"' in recipe and "_site/api" in recipe
