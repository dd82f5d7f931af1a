"""Patterns in the attention of a model that reads transitions dimension by dimension.

Janner et al. (2021, arXiv 2106.02039, and the authors' page) describe two. Markovian: predictions attend mostly to the
transition just before. Striated: a dimension attends to the same dimension at all earlier steps, actions to earlier
actions. Both are measured on the rows of the latest transition, and both are shares of what those rows give to **earlier**
transitions, so that neither is made by the tokens of the transition itself. Values take no part: no query attends to them,
by construction, and the row that predicts one is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.statistics.intervals import interval

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


def width(types: list[str]) -> int:
    """Tokens of a transition, which ends with its value."""
    return types.index("value") + 1


def earlier(types: list[str]) -> Bool[np.ndarray, " key"]:
    """Which keys belong to transitions before the latest (key,)."""
    transition = np.arange(len(types)) // width(types)
    return transition < transition[-1]


def latest_rows(weights: Float[np.ndarray, "*batch query key"], types: list[str]) -> Float[np.ndarray, "*batch row key"]:
    """Rows of the latest transition that predict an observation, an action or a reward: (..., row, key).

    Row d reads dimension d and predicts d + 1.
    """
    first = earlier(types).sum()
    return weights[..., first : first + width(types) - 2, :]


def by_lag(row: Float[np.ndarray, "*batch key"], size: int) -> Float[np.ndarray, "*batch lag"]:
    """Attention (..., key) of the latest transition, summed by the key's age in transitions of `size` tokens: (..., lag)."""
    transition = np.arange(row.shape[-1]) // size
    return np.stack([row[..., transition == each].sum(axis=-1) for each in range(transition[-1], -1, -1)], axis=-1)


def mass_by_lag(weights: Float[np.ndarray, "*batch query key"], types: list[str]) -> Float[np.ndarray, "*batch lag"]:
    """Attention of the latest transition's rows by the key's age in transitions, (..., lag), summing to 1."""
    return by_lag(latest_rows(weights, types).mean(axis=-2), width(types))


def markovian(weights: Float[np.ndarray, "*batch query key"], types: list[str]) -> Float[np.ndarray, "*batch"] | float:
    """Share of the attention to earlier transitions that goes to the one just before, (...)."""
    mass = mass_by_lag(weights, types)
    return mass[..., 1] / mass[..., 1:].sum(axis=-1)


def striated(
    weights: Float[np.ndarray, "*batch query key"], types: list[str], ahead: int = 1
) -> Float[np.ndarray, "*batch"] | float:
    """Share of the attention to earlier transitions on the dimension that a row predicts (`ahead` 1) or reads (0), (...)."""
    rows, past = latest_rows(weights, types), earlier(types)
    dimension = np.arange(len(types)) % width(types)
    same = dimension == np.arange(rows.shape[-2])[:, None] + ahead
    return (rows * (same & past)).sum(axis=(-2, -1)) / (rows * past).sum(axis=(-2, -1))


def action_to_action(weights: Float[np.ndarray, "*batch query key"], types: list[str]) -> Float[np.ndarray, "*batch"] | float:
    """Share of the attention to earlier transitions that rows predicting actions give to actions, (...)."""
    kinds, past = np.asarray(types), earlier(types)
    predicting = kinds[1 : width(types) - 1] == "action"
    rows = latest_rows(weights, types)[..., predicting, :]
    return (rows * (past & (kinds == "action"))).sum(axis=(-2, -1)) / (rows * past).sum(axis=(-2, -1))


INDICES = {
    "markovian": markovian,
    "striated_predicted": striated,
    "striated_read": lambda weights, types: striated(weights, types, ahead=0),
    "action_to_action": action_to_action,
}


def measure(weights: Float[np.ndarray, "context layer head query key"], types: list[str]) -> dict:
    """Every index and the mass by lag, with intervals over contexts.

    Args:
        weights: (context, layer, head, query, key).

    Returns:
        For each index `<name>` a table by layer and head, and `<name>_last_layer` over the last layer's heads; `lags`, a list
        over lags in the last layer, heads averaged; `lags_by_layer`, means (layer, lag).
    """
    lags = mass_by_lag(weights, types).mean(axis=2)
    found = {
        "lags": [interval(each) for each in lags[:, -1].T],
        "lags_by_layer": lags.mean(axis=0),
    }
    for name, index in INDICES.items():
        each = index(weights, types)
        found[name] = [[interval(head) for head in layer.T] for layer in each.transpose(1, 0, 2)]
        found[f"{name}_last_layer"] = interval(each[:, -1].mean(axis=1))
    return found


def uniform(types: list[str]) -> dict:
    """Every index, and the mass by lag, of attention that looks evenly at all it may see."""
    size = len(types)
    open_keys = np.tril(np.ones((size, size))) * (np.asarray(types) != "value")  # which no query attends to
    even = open_keys / open_keys.sum(axis=1, keepdims=True)
    return {"lags": mass_by_lag(even, types)} | {name: float(index(even, types)) for name, index in INDICES.items()}
