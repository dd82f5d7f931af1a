"""A small hub on the loopback: repositories in the published layout with random weights, and every fault a hub can have.

It answers what `huggingface_hub` asks of the real one: `resolve` with commit, ETag and, for large files, a redirect to another
origin that knows ranges; and the listing of a revision with its files' sums.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import h5py
import numpy as np
import torch
from transformers import DecisionTransformerConfig, DecisionTransformerModel

from pipeline.methods.trajectory_transformer.model import TrajectoryTransformerConfig, TrajectoryTransformerModel
from pipeline.study.runs import PUBLISHED_DECISION_TRANSFORMER as DT
from pipeline.study.runs import PUBLISHED_TRAJECTORY_TRANSFORMER as TT

DT_CONFIG = {
    "act_dim": 6, "action_tanh": True, "activation_function": "relu", "architectures": ["DecisionTransformerModel"],
    "attn_pdrop": 0.1, "bos_token_id": 50256, "embd_pdrop": 0.1, "eos_token_id": 50256, "hidden_size": 128,
    "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "max_ep_len": 1000, "model_type": "decision_transformer",
    "n_head": 1, "n_inner": None, "n_layer": 3, "n_positions": 1024, "resid_pdrop": 0.1, "scale_attn_weights": True,
    "state_dim": 17, "torch_dtype": "float32", "transformers_version": "4.16.0.dev0", "use_cache": True, "vocab_size": 1,
}  # fmt: skip
TT_CONFIG = {
    "action_dim": 6, "action_weight": 5, "architectures": ["TrajectoryTransformerModel"], "attn_pdrop": 0.1,
    "block_size": 249, "embd_pdrop": 0.1, "initializer_range": 0.02, "kaiming_initializer_range": 1, "layer_norm_eps": 1e-12,
    "learning_rate": 0.0006, "max_position_embeddings": 512, "model_type": "trajectory_transformer", "n_embd": 128,
    "n_head": 4, "n_layer": 4, "observation_dim": 17, "pad_token_id": 1, "resid_pdrop": 0.1, "reward_weight": 1,
    "torch_dtype": "float32", "transformers_version": "4.20.0.dev0", "transition_dim": 25, "use_cache": True,
    "value_weight": 1, "vocab_size": 100,
}  # fmt: skip
CARD = b"---\nlicense: mit\n---\n"


def pickled(tensors: object) -> bytes:
    """What `torch.save` writes."""
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


def decision_transformer(seed: int = 0) -> DecisionTransformerModel:
    """The published architecture with random weights, as it is without the fields this project adds."""
    torch.manual_seed(seed)
    return DecisionTransformerModel(DecisionTransformerConfig(**{**DT_CONFIG, "bos_token_id": None, "eos_token_id": None}))


def trajectory_transformer(seed: int = 0) -> TrajectoryTransformerModel:
    """The published architecture with random weights."""
    torch.manual_seed(seed)
    return TrajectoryTransformerModel(TrajectoryTransformerConfig(**TT_CONFIG))


def decision_transformer_files(seed: int = 0) -> dict[str, bytes]:
    """The published files: GPT-2's masks lie among the weights."""
    tensors = decision_transformer(seed).state_dict()
    for layer in range(DT_CONFIG["n_layer"]):
        tensors[f"encoder.h.{layer}.attn.bias"] = torch.ones(1, 1, 1024, 1024, dtype=torch.uint8).tril()
        tensors[f"encoder.h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    return {"config.json": json.dumps(DT_CONFIG, indent=2).encode(), "pytorch_model.bin": pickled(tensors)}


def trajectory_transformer_files(seed: int = 0) -> dict[str, bytes]:
    """The published files: a card of 21 bytes, and no thresholds."""
    tensors = trajectory_transformer(seed).state_dict()
    for layer in range(TT_CONFIG["n_layer"]):
        tensors[f"blocks.{layer}.attn.mask"] = torch.ones(1, 1, 249, 249).tril()
    weights = {"config.json": json.dumps(TT_CONFIG, indent=2).encode(), "pytorch_model.bin": pickled(tensors)}
    return {"README.md": CARD, **weights}


def d4rl(
    episodes: int = 3, steps: int = 1000, timeouts: bool | np.ndarray = True, seed: int = 0, **changes: np.ndarray | None
) -> bytes:
    """A small HDF5 in D4RL's layout, of random numbers; `changes` replaces arrays, or leaves out those given as None."""
    generator, count = np.random.default_rng(seed), episodes * steps
    observations = generator.normal(size=(count, 17)).astype(np.float32)
    observations[::steps] *= np.float32(0.1)  # episodes begin near rest
    ends = np.zeros(count, dtype=bool)
    ends[steps - 1 :: steps] = True
    arrays = {
        "observations": observations,
        "actions": generator.uniform(-1, 1, size=(count, 6)).astype(np.float32),
        "rewards": generator.normal(4.7, 1, size=count).astype(np.float32),
        "terminals": np.zeros(count, dtype=bool),
        "timeouts": timeouts if isinstance(timeouts, np.ndarray) else ends if timeouts else None,
        "infos/qpos": generator.normal(size=(count, 9)),
        "metadata/algorithm": np.bytes_("SAC"),
        **changes,
    }
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, array in arrays.items():
            if array is not None:
                file[name] = array
    return buffer.getvalue()


def minari(
    folder: Path,
    episodes: int = 3,
    steps: int = 50,
    seed: int = 0,
    sizes: tuple[int, int] = (17, 6),
    **changes: np.ndarray | None,
) -> Path:
    """A small dataset of random numbers as Minari's library keeps one.

    Args:
        folder: of the dataset.
        episodes: how many.
        steps: of each.
        seed: of the numbers.
        sizes: of an observation and of an action.
        changes: replace arrays of the last episode, or leave out those given as None.
    """
    generator = np.random.default_rng(seed)
    path = folder / "data" / "main_data.hdf5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for episode in range(episodes):
            arrays = {
                "observations": generator.normal(size=(steps + 1, sizes[0])),
                "actions": generator.uniform(-1, 1, size=(steps, sizes[1])).astype(np.float32),
                "rewards": generator.normal(4.7, 1, size=steps),
                "terminations": np.zeros(steps, dtype=bool),
                "truncations": np.arange(steps) == steps - 1,
                **(changes if episode == episodes - 1 else {}),
            }
            group = file.create_group(f"episode_{episode}")
            group.attrs.update(id=episode, total_steps=steps)
            group.create_group("infos")
            for name, array in arrays.items():
                if array is not None:
                    group[name] = array
    (path.parent / "metadata.json").write_text(json.dumps({"total_episodes": episodes, "data_format": "hdf5"}))
    return path


@dataclass
class SmallHub:
    """Repositories by name and commit, plain files by path, faults to come, and the requests seen."""

    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    plain: dict[str, bytes] = field(default_factory=dict)
    faults: list[tuple[str, str, object]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)  # of large files, what each request asked for
    ignore_ranges: bool = False

    def publish(self, repository: str, content: dict[str, bytes]) -> str:
        """Add a commit that the branch then points at; returns its hash."""
        commit = hashlib.sha1(b"".join(content.values())).hexdigest()
        self.repositories.setdefault(repository, {})[commit] = content
        self.branches[repository] = commit
        return commit

    def fail(self, method: str, part: str, how, times: int = 1) -> None:
        """Have the next requests of that method, whose path holds `part`, fail: a status, or `truncate`, `short`, `corrupt`."""
        self.faults += [(method, part, how)] * times

    def fault(self, method: str, path: str):
        """The fault this request meets, which is then used up."""
        for entry in self.faults:
            if entry[0] == method and entry[1] in path:
                self.faults.remove(entry)
                return entry[2]
        return None

    def entry(self, repository: str) -> dict:
        """What a lock should say of the newest commit."""
        commit = self.branches[repository]
        content = self.repositories[repository][commit]
        return {"commit": commit, "sha256": {name: digest(content[name]) for name in DT.files}}

    def lock(self, **datasets: dict) -> str:
        """A whole lock file."""
        return json.dumps({"checkpoints": {name: self.entry(name) for name in self.repositories}, "datasets": datasets})

    def start(self) -> SmallHub:
        """Serve on a free port of the loopback."""

        class Handler(BaseHTTPRequestHandler):
            hub = self
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                answer(self)

            do_HEAD = do_GET

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    @property
    def port(self) -> int:
        """The port it listens at."""
        return self.server.server_address[1]

    @property
    def endpoint(self) -> str:
        """What `HF_ENDPOINT` should be."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Be down."""
        self.server.shutdown()
        self.server.server_close()


def digest(content: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(content).hexdigest()


def answer(request) -> None:
    """Answer one request as the hub would, or as it fails."""
    hub, path = request.hub, urlsplit(request.path).path
    hub.requests.append(f"{request.command} {path}")
    how = hub.fault(request.command, path)
    if isinstance(how, int):
        return send(request, how, b"{}", {})
    parts = path.strip("/").split("/")
    if path in hub.plain:
        return send_ranged(request, hub.plain[path], how)
    if parts[:2] == ["api", "models"]:
        return listing(request, "/".join(parts[2:4]), parts[-1])
    if parts[0] == "cdn":
        found = (content for commits in hub.repositories.values() for files in commits.values() for content in files.values())
        return send_ranged(request, next(content for content in found if digest(content) == parts[1]), how)
    if len(parts) < 5 or parts[2] != "resolve":
        return send(request, 404, b"", {})
    return resolve(request, "/".join(parts[:2]), parts[3], "/".join(parts[4:]), how)


def find(request, repository: str, revision: str) -> tuple[str, dict] | None:
    """A repository's commit and files at a revision; otherwise the hub's own 401 or 404 is sent."""
    commits = request.hub.repositories.get(repository)
    if commits is None:
        return send(request, 401, b"", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
    commit = request.hub.branches[repository] if revision == "main" else revision
    if commit not in commits:
        return send(request, 404, b"", {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"})
    return commit, commits[commit]


def listing(request, repository: str, revision: str) -> None:
    """What `model_info` reads."""
    if found := find(request, repository, revision):
        commit, content = found
        siblings = [
            {"rfilename": name, "size": len(data)}
            | ({"lfs": {"sha256": digest(data), "size": len(data), "pointerSize": 132}} if name.endswith(".bin") else {})
            for name, data in content.items()
        ]
        body = json.dumps({"id": repository, "sha": commit, "siblings": siblings}).encode()
        send(request, 200, body, {"Content-Type": "application/json"})


def resolve(request, repository: str, revision: str, name: str, how) -> None:
    """A file: small ones at once, large ones by a redirect that tells commit, size and sum."""
    if not (found := find(request, repository, revision)):
        return None
    commit, content = found
    if name not in content:
        return send(request, 404, b"", {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
    if how == "another commit":
        commit = "f" * 40
    data = content[name]
    if not name.endswith(".bin"):
        return send_ranged(request, data, how, {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha1(data).hexdigest()}"'})
    headers = {
        "X-Repo-Commit": commit,
        "X-Linked-Etag": f'"{digest(data)}"',
        "X-Linked-Size": str(len(data)),
        "Location": f"http://localhost:{request.hub.port}/cdn/{digest(data)}",
    }
    return send(request, 302, b"", headers)


def send_ranged(request, data: bytes, how=None, headers: dict | None = None) -> None:
    """Bytes, or those from where the client wants to go on; damaged as told."""
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{digest(data)[:32]}"', **(headers or {})}
    wanted = request.headers.get("Range")
    request.hub.ranges += [wanted] if request.command == "GET" else []
    status, body = 200, data
    matches = request.headers.get("If-Range") in (None, headers["ETag"])
    if wanted and matches and not request.hub.ignore_ranges:
        first = int(wanted.removeprefix("bytes=").split("-")[0])
        if first >= len(data):
            return send(request, 416, b"", {"Content-Range": f"bytes */{len(data)}"})
        status, body = 206, data[first:]
        headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
    if how == "corrupt":
        body = bytes([body[0] ^ 255]) + body[1:]
    if how == "short":
        body = body[: len(body) // 2]
    return send(request, status, body, headers, cut=how == "truncate")


def send(request, status: int, body: bytes, headers: dict, cut: bool = False) -> None:
    """One response; `cut` breaks the connection in the middle of its body."""
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body[: len(body) // 2] if cut else body)
    request.close_connection = cut or request.close_connection


def full(seed: int = 0) -> SmallHub:
    """A hub with both published repositories, serving."""
    hub = SmallHub()
    hub.publish(DT.repository, decision_transformer_files(seed))
    hub.publish(TT.repository, trajectory_transformer_files(seed))
    return hub.start()
