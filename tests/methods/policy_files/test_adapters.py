"""Policies of Python files, ONNX and TorchScript, and what every one is held to."""

import struct
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipeline import PipelineError
from pipeline.methods.policy_files import onnx_file, python_file, torchscript
from pipeline.methods.policy_files.adapters import Checked
from pipeline.study.own import OwnEvaluation

OBSERVATIONS = np.arange(34, dtype=np.float32).reshape(2, 17) / 100
WEIGHTS = np.arange(102, dtype=np.float32).reshape(17, 6) / 1000
ACTED = np.tanh(OBSERVATIONS.astype(np.float64) @ WEIGHTS)  # what the networks below compute
WITHOUT = "onnxruntime, of the extra `policies`, is not installed"


def run(path, method: str = "python_file", **told) -> OwnEvaluation:
    return OwnEvaluation("x", method, file=str(path), **{"function": "load", **told})


def acted(policy) -> np.ndarray:
    """What a policy does at first."""
    policy.reset([100, 101])
    return policy.act(OBSERVATIONS.copy(), np.zeros(2))


@pytest.fixture
def python(tmp_path, monkeypatch):
    """Write a Python file and load its policy."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(text: str, **told):
        (tmp_path / "mine.py").write_text(f"import numpy as np\n{text}")
        return python_file.load(run(tmp_path / "mine.py", **told))

    yield load
    sys.modules.pop("policy_of_mine", None)


SEAM = """
class Mine:
    def __init__(self, add): self.add = add
    def reset(self, seeds): self.seeds = np.array(seeds)
    def act(self, observations, rewards): return np.tile((self.seeds / 1000 + rewards + self.add)[:, None], 6)
"""


def test_a_function_returns_a_policy_with_the_projects_own_seam(python):
    assert acted(python(SEAM + "def load(): return Mine(0)"))[:, 0] == pytest.approx([0.1, 0.101])


def test_a_function_of_one_argument_is_given_the_run(python):
    policy = python(SEAM + "def mine(run): return Mine(run.target_return / 10)", function="mine", target_return=2.0)
    assert acted(policy)[:, 5] == pytest.approx([0.3, 0.301])


@pytest.mark.parametrize("more", ["", ", None"])
def test_whatever_predicts_actions_is_a_policy_and_a_state_is_passed_over(python, more):
    text = f"class Mine:\n def predict(self, observations): return observations[:, :6]{more}\ndef load(): return Mine()"
    assert np.array_equal(acted(python(text)), OBSERVATIONS[:, :6])


def test_whatever_can_be_asked_for_its_likeliest_action_is(python):
    text = """
class Mine:
    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return np.full((len(observation), 6), float(deterministic) / 2), state
def load(): return Mine()
"""
    assert (acted(python(text)) == 0.5).all()


def test_a_file_may_import_what_lies_beside_it(python, tmp_path):
    (tmp_path / "beside_mine.py").write_text("NUMBER = 0.75")
    text = "from beside_mine import NUMBER\nclass M:\n def predict(s, o): return np.full((len(o), 6), NUMBER)\nload = M"
    assert (acted(python(text)) == 0.75).all()


@pytest.mark.parametrize(
    ("text", "told", "said"),
    [
        ("1 / 0", {}, r"mine\.py, line 2: ZeroDivisionError: division by zero$"),
        ("def lod(): pass", {}, r"mine\.py has no function load$"),
        ("def load(", {}, r"mine\.py: SyntaxError"),
        ("import nothing_of_that_name", {}, r"line 2: ModuleNotFoundError: No module named 'nothing_of_that_name'$"),
        ("def load(): return 3", {}, r"mine\.py:load returned int, which has neither reset"),
        ("def load(): pass", {"target_return": 5.0}, r"mine\.py:load takes no run, and so no target return$"),
        ("def load(run):\n raise ValueError('no')", {}, r"mine\.py, line 3: ValueError: no$"),
    ],
)
def test_a_python_file_that_gives_no_policy_is_told_where_and_why(python, text, told, said):
    with pytest.raises(PipelineError, match=said):
        python(text, **told)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((2, 3)), r"gave actions of shape \(2, 3\) where HalfCheetah-v4 takes \(2, 6\)"),
        (np.zeros(6), r"gave actions of shape \(6,\)"),
        (np.full((2, 6), np.nan), "gave an action that is not finite"),
        (np.full((2, 6), -np.inf), "gave an action that is not finite"),
        ("up", r"x\.py: ValueError: could not convert string to float"),
    ],
)
def test_an_action_that_cannot_be_taken_is_one_sentence(given, said):
    policy = SimpleNamespace(reset=lambda seeds: None, act=lambda observations, rewards: given)
    with pytest.raises(PipelineError, match=said) as error:
        acted(Checked(policy, run("x.py")))
    assert "\n" not in str(error.value)


def test_actions_beyond_the_world_are_clipped_and_those_of_episodes_that_are_over_dropped():
    given = np.array([[2.0, -3, 1, -1, 0.5, 0], [np.nan] * 6])
    policy = Checked(SimpleNamespace(act=lambda observations, rewards: given), run("x.py"))
    over = np.stack([OBSERVATIONS[1], np.zeros(17, dtype=np.float32)])
    assert policy.act(over, np.zeros(2)).tolist() == [[1, -1, 1, -1, 0.5, 0], [0] * 6]


class Network(torch.nn.Module):
    """The same network for TorchScript."""

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.from_numpy(WEIGHTS))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return torch.tanh(observations @ self.weights)


def test_a_torchscript_file_acts_as_on_paper(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.trace(Network(), torch.zeros(2, 17)), tmp_path / "x.pt")
    assert acted(torchscript.load(run(tmp_path / "x.pt"))) == pytest.approx(ACTED, abs=1e-6)


@pytest.mark.parametrize("content", [b"", b"nothing", None])
def test_what_is_no_torchscript_is_said_to_be_none(tmp_path, content):
    if content is None:
        torch.save(Network().state_dict(), tmp_path / "x.pt")
    else:
        (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(PipelineError, match=r"x\.pt is no TorchScript, as torch\.jit\.save writes it \(") as error:
        torchscript.load(run(tmp_path / "x.pt"))
    assert "\n" not in str(error.value)


def field(number: int, content) -> bytes:
    """One field of a protocol buffer: a whole number below 128, or bytes."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    content = content.encode() if isinstance(content, str) else content
    size, length = len(content), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def value(name: str, first: int | str, width: int) -> bytes:
    """A float tensor (first, width) as ONNX declares it; the first is a number or has a name."""
    dimensions = field(1, field(2 if isinstance(first, str) else 1, first)) + field(1, field(1, width))
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dimensions)))


def onnx(first: int | str = "episode", elsewhere: str = "") -> bytes:
    """tanh(observations @ WEIGHTS) as ONNX; its weights in another file where that is named."""
    raw = struct.pack("<102f", *WEIGHTS.ravel())
    held = field(13, field(1, "location") + field(2, elsewhere)) + field(14, 1) if elsewhere else field(9, raw)
    graph = (
        field(1, field(1, "observations") + field(1, "weights") + field(2, "sum") + field(4, "MatMul"))
        + field(1, field(1, "sum") + field(2, "actions") + field(4, "Tanh"))
        + field(2, "policy")
        + field(5, field(1, 17) + field(1, 6) + field(2, 1) + field(8, "weights") + held)
        + field(11, value("observations", first, 17))
        + field(12, value("actions", first, 6))
    )
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


@pytest.mark.parametrize("first", ["episode", 1])
def test_an_onnx_file_acts_as_on_paper_for_many_episodes_or_one_at_a_time(tmp_path, first):
    pytest.importorskip("onnxruntime", reason=WITHOUT)
    (tmp_path / "x.onnx").write_bytes(onnx(first))
    assert acted(onnx_file.load(run(tmp_path / "x.onnx"))) == pytest.approx(ACTED, abs=1e-6)


def test_weights_that_lie_outside_an_onnx_file_are_refused_since_no_digest_would_tell_of_them(tmp_path):
    pytest.importorskip("onnxruntime", reason=WITHOUT)
    (tmp_path / "weights.bin").write_bytes(struct.pack("<102f", *WEIGHTS.ravel()))
    (tmp_path / "x.onnx").write_bytes(onnx(elsewhere="weights.bin"))
    with pytest.raises(PipelineError, match=r"x\.onnx: \w+: .*(weights\.bin|xternal)"):
        onnx_file.load(run(tmp_path / "x.onnx"))


def test_what_is_no_onnx_is_one_sentence(tmp_path):
    pytest.importorskip("onnxruntime", reason=WITHOUT)
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(PipelineError, match=r"x\.onnx: InvalidProtobuf: ") as error:
        onnx_file.load(run(tmp_path / "x.onnx"))
    assert "\n" not in str(error.value)


class Session:
    """onnxruntime's, as far as it is used: it takes one episode at a time, and computes in doubles."""

    def __init__(self, path, options, providers):
        assert path.read_bytes() == b"a model" and options.intra_op_num_threads == 1 and providers == ["CPUExecutionProvider"]

    def get_inputs(self):
        return [SimpleNamespace(name="seen", type="tensor(double)", shape=[1, 17])]

    def run(self, outputs, told):
        assert outputs is None and told["seen"].shape == (1, 17) and told["seen"].dtype == np.float64
        return [np.tanh(told["seen"] @ WEIGHTS), "another output"]


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """A file, and a stand-in for onnxruntime."""
    (tmp_path / "x.onnx").write_bytes(b"a model")
    library = SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=Session)
    monkeypatch.setitem(sys.modules, "onnxruntime", library)
    return run(tmp_path / "x.onnx")


def test_the_input_is_given_by_name_in_its_own_precision_and_the_first_output_is_the_action(stub):
    assert acted(onnx_file.load(stub)) == pytest.approx(ACTED, abs=1e-6)


def test_an_onnx_file_that_wants_more_than_observations_is_refused(stub, monkeypatch):
    more = [SimpleNamespace(name=name, type="tensor(float)", shape=[1, 17]) for name in ("seen", "memory")]
    monkeypatch.setattr(Session, "get_inputs", lambda self: more)
    with pytest.raises(PipelineError, match=r"x\.onnx takes seen tensor\(float\), memory tensor\(float\), where one input of"):
        onnx_file.load(stub)


def test_where_onnxruntime_is_not_installed_the_extra_is_named(stub, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(PipelineError, match=r"x\.onnx needs onnxruntime, of the extra `policies`: pip install onnxruntime$"):
        onnx_file.load(stub)
