"""Look where a model looks: attention on fixed contexts, by type of token, beside an untrained twin; and what altering
tokens does.

    python -m pipeline make attention/local_dt_halfcheetah

Decision Transformer: rows of the attention matrix that predict an action are those of the **state** tokens. Their share on
return tokens is compared with what uniform causal attention would give, and with what the same architecture gives before
training. Attention is not influence, so the contexts are also altered: the return tokens (all, or the latest) of each
context are replaced by those of another, likewise the state tokens, and the movement of the action is measured.

Trajectory Transformer: attention by age of the key, and the two patterns its authors describe (see `statistics.patterns`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from pipeline import files
from pipeline.evidence import checkpoints, recipes
from pipeline.evidence.records import Found, Recipe
from pipeline.methods import policies
from pipeline.statistics import patterns
from pipeline.statistics.intervals import interval


def uniform_causal(size: int) -> np.ndarray:
    """Attention (query, key) that looks evenly at all tokens up to its own."""
    return np.tril(np.ones((size, size))) / np.arange(1, size + 1)[:, None]


def shares(weights: np.ndarray, types: list[str], query_type: str) -> dict[str, np.ndarray]:
    """Attention that rows of one type give to each type of key, averaged over those rows.

    Args:
        weights: (..., query, key), rows summing to 1.
        types: each token's type.

    Returns:
        For each type an array (...).
    """
    kinds = np.asarray(types)
    rows = weights[..., kinds == query_type, :]
    return {kind: rows[..., kinds == kind].sum(axis=-1).mean(axis=-1) for kind in dict.fromkeys(types)}


def share_table(weights: np.ndarray, types: list[str], query_type: str) -> dict:
    """`shares` per layer and head with intervals over contexts; weights (context, layer, head, query, key)."""
    return {
        kind: [[interval(share[:, layer, head]) for head in range(share.shape[2])] for layer in range(share.shape[1])]
        for kind, share in shares(weights, types, query_type).items()
    }


def lag_profile(weights: np.ndarray, types: list[str], query_type: str) -> np.ndarray:
    """Attention by age of the key, in transitions, from the last row of the given type: (layer, head, lag), mean over
    contexts.
    """
    last = max(index for index, kind in enumerate(types) if kind == query_type)
    return patterns.by_lag(weights[..., last, :].mean(axis=0), len(dict.fromkeys(types)))


def root_mean_square(difference: np.ndarray) -> np.ndarray:
    """Root mean square over the last axis: (context, action) to (context,)."""
    return np.sqrt(np.square(difference).mean(axis=-1))


def rotate(tensor: torch.Tensor, where: slice = slice(None)) -> torch.Tensor:
    """Each context's entries at the times `where` replaced by the next context's."""
    altered = tensor.clone()
    altered[:, where] = tensor.roll(1, dims=0)[:, where]
    return altered


def action_changes(policy, contexts: dict[str, torch.Tensor]) -> dict:
    """How far the action moves when tokens are replaced by another context's: root mean square over the torques, in
    thousandths of the full torque, mean and interval over contexts.

    `returns_set_*` set the latest return asked for, in points of return, and shift the earlier ones alike: the
    question that a user asks.
    """
    before = policy.respond(contexts)
    latest = slice(-1, None)

    def moved(**altered) -> dict[str, float]:
        return interval(1000 * root_mean_square(policy.respond({**contexts, **altered}) - before))

    def asking(target: float) -> torch.Tensor:
        returns = contexts["returns_to_go"]
        return returns - returns[:, -1:] + target

    return {
        "returns_swapped": moved(returns_to_go=rotate(contexts["returns_to_go"])),
        "latest_return_swapped": moved(returns_to_go=rotate(contexts["returns_to_go"], latest)),
        "states_swapped": moved(observations=rotate(contexts["observations"])),
        "latest_state_swapped": moved(observations=rotate(contexts["observations"], latest)),
        "actions_swapped": moved(actions=rotate(contexts["actions"])),
        "all_but_latest_state_swapped": moved(
            observations=rotate(contexts["observations"], slice(None, -1)),
            actions=rotate(contexts["actions"]),
            returns_to_go=rotate(contexts["returns_to_go"]),
        ),
        "returns_set_1200": moved(returns_to_go=asking(1200.0)),
        "returns_set_12000": moved(returns_to_go=asking(12_000.0)),
    }


def summarize(policy, twin, contexts: dict[str, torch.Tensor]) -> tuple[dict, dict[str, np.ndarray]]:
    """The evidence's values and its arrays (attention averaged over contexts, trained and untrained)."""
    weights, types = policy.attention(contexts)
    control, _ = twin.attention(contexts)
    query = policy.ACTING_TOKEN
    uniform = shares(uniform_causal(len(types)), types, query)
    trained, untrained = share_table(weights, types, query), share_table(control, types, query)
    last_layer = {kind: interval(share[:, -1].mean(axis=1)) for kind, share in shares(weights, types, query).items()}
    last_layer_untrained = {kind: interval(share[:, -1].mean(axis=1)) for kind, share in shares(control, types, query).items()}
    values = {
        "contexts": len(weights),
        "layers": weights.shape[1],
        "heads": weights.shape[2],
        "tokens": len(types),
        "token_types": list(dict.fromkeys(types)),
        "acting_token": query,
        "shares": trained,
        "shares_untrained": untrained,
        "uniform": {kind: float(share) for kind, share in uniform.items()},
        "last_layer": last_layer,
        "last_layer_untrained": last_layer_untrained,
        "lag_profile": lag_profile(weights, types, query),
        "lag_profile_untrained": lag_profile(control, types, query),
        "action_change": action_changes(policy, contexts),
        "action_change_untrained": action_changes(twin, contexts),
    }
    return values, {"attention": weights.mean(axis=0), "attention_untrained": control.mean(axis=0)}


def summarize_transitions(policy, twin, contexts: dict[str, torch.Tensor]) -> tuple[dict, dict[str, np.ndarray]]:
    """The same for a model that reads every dimension of a transition as a token: patterns in place of types.

    Of the maps only the last layer's is kept, over all heads: there are 16 times as many tokens.
    """
    values, maps = {}, {}
    for suffix, each in (("", policy), ("_untrained", twin)):
        weights, types = each.attention(contexts)
        values |= {f"{name}{suffix}": found for name, found in patterns.measure(weights, types).items()}
        maps[f"attention{suffix}"] = weights[:, -1].mean(axis=(0, 1)).astype(np.float16)
    about = {
        "contexts": len(weights),
        "layers": weights.shape[1],
        "heads": weights.shape[2],
        "tokens": len(types),
        "token_types": types[: patterns.width(types)],
        "uniform": patterns.uniform(types),
    }
    return about | values, maps


SUMMARIES = {"decision_transformer": summarize, "trajectory_transformer": summarize_transitions}


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One run's values and maps."""
    run = recipe.run
    contexts, _ = checkpoints.read_tensors(files.ROOT / recipes.contexts_file(run.contexts))
    policy = policies.load(run)
    return Found(*SUMMARIES[run.method](policy, policies.module(run).untrained(policy, run.seed), contexts))
