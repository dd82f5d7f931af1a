"""Claims about where models look, and what altering tokens does."""

from __future__ import annotations

from pipeline.show.predicates import (
    SHARE,
    Claim,
    Results,
    Values,
    above,
    alike,
    named,
    number,
    times,
    together,
)

DT, TT = "local_dt_halfcheetah", "local_tt_halfcheetah"


def looks(results: Results) -> Values:
    """Shares of attention on return tokens, layer by layer, and what uniform attention gives."""
    values = results["attention"][DT]["values"]
    found = {
        f"layer {place}": named(heads[0], values["contexts"], "contexts")
        for place, heads in enumerate(values["shares"]["return"], 1)
    }
    return {**found, "uniform": number(values["uniform"]["return"])}


def moves(results: Results, *names: str) -> Values:
    """How far the action moves when tokens are swapped."""
    values = results["attention"][DT]["values"]
    return {name.replace("_", " "): named(values["action_change"][name], values["contexts"], "contexts") for name in names}


def pattern(results: Results, name: str) -> Values:
    """A pattern of the Trajectory Transformer's attention: last layer, heads with least and most of it, untrained, uniform."""
    values = results["attention"][TT]["values"]
    heads = [head for layer in values[name] for head in layer]
    most, least = max(heads, key=lambda head: head["low"]), min(heads, key=lambda head: head["low"])
    n = values["contexts"]
    return {
        "last layer": named(values[f"{name}_last_layer"], n, "contexts"),
        "head with least": named(least, n, "contexts"),
        "head with most": named(most, n, "contexts"),
        "untrained": named(values[f"{name}_last_layer_untrained"], n, "contexts"),
        "uniform": number(values["uniform"][name]),
    }


def looks_both_ways(results: Results) -> Values:
    """LEAP's attention to later and earlier actions of its plan."""
    values = results["refined"]["local_leap_go_to_obj_maze_s7_open"]["values"]
    return {
        **{
            name.replace("_", " "): named(values["attention"]["shares"][name], values["plans"], "plans")
            for name in ("later_actions", "earlier_actions")
        },
        "uniform": number(values["uniform"]["later_actions"]),
    }


def influence(results: Results) -> Values:
    """How far exchanging a plan's later actions moves the distribution of one of them, trained and untrained."""
    values = results["refined"]["local_leap_go_to_obj_maze_s7_open"]["values"]
    return {
        "trained": named(values["influence"]["later_actions"], values["plans"], "plans"),
        "untrained": named(values["influence_untrained"]["later_actions"], values["plans"], "plans"),
    }


ATTENTION = (
    Claim(
        "dt-attention-returns",
        "Decision Transformer's attention favors the desired return",
        "share",
        looks,
        "in every layer above uniform attention, by more than 10 points; one training",
        lambda v, margin: together([above(v[name].over_bar(v["uniform"].mean), margin) for name in v if name != "uniform"]),
        SHARE,
        ("uniform",),
    ),
    Claim(
        "dt-attention-last-layer",
        "In its last layer Decision Transformer gives returns less attention than a uniform spread would",
        "share",
        lambda t: {name: value for name, value in looks(t).items() if name in ("layer 3", "uniform")},
        "below uniform attention, by more than 10 points; one training",
        lambda v, margin: above(number(v["uniform"].mean) - v["layer 3"], margin),
        SHARE,
        ("uniform",),
    ),
    Claim(
        "dt-return-moves-action",
        "Decision Transformer checks the return before acting: other returns, another action",
        "thousandths",
        lambda t: moves(t, "returns_swapped", "states_swapped"),
        "swapping the returns moves the action by at least a tenth of what swapping the states does",
        lambda v, margin: times(v["returns swapped"], v["states swapped"], margin),
        0.1,
        ("states swapped",),
    ),
    Claim(
        "dt-one-token",
        "Of sixty tokens, one decides the action",
        "thousandths",
        lambda t: moves(t, "latest_state_swapped", "all_but_latest_state_swapped"),
        "swapping the latest state moves the action at least fifty times as far as swapping everything else",
        lambda v, margin: times(v["latest state swapped"], v["all but latest state swapped"], margin),
        50.0,
        ("all but latest state swapped",),
    ),
    Claim(
        "tt-band",
        "Trajectory Transformer's attention is a band along the diagonal",
        "share",
        lambda t: pattern(t, "markovian"),
        "share on the transition just before, in every head, above uniform and untrained attention, by more than 10 points",
        lambda v, margin: together(
            [
                above(v[name].over_bar(max(v["uniform"].mean, v["untrained"].high)), margin)
                for name in ("last layer", "head with least")
            ]
        ),
        SHARE,
        ("untrained", "uniform"),
    ),
    Claim(
        "tt-stripes",
        "Trajectory Transformer's attention is striated: a dimension looks at itself in the past",
        "share",
        lambda t: pattern(t, "striated_predicted"),
        "share on the predicted dimension above uniform and untrained attention, by more than 10 points: "
        "in the last layer and in some head",
        lambda v, margin: together(
            [
                above(v[name].over_bar(max(v["uniform"].mean, v["untrained"].high)), margin)
                for name in ("last layer", "head with most")
            ]
        ),
        SHARE,
        ("untrained", "uniform"),
    ),
    Claim(
        "leap-even",
        "IEM's attention is spread evenly over past and future",
        "share",
        looks_both_ways,
        "shares on earlier and on later actions within 5 points of uniform attention",
        lambda v, margin: together(
            [alike(v[name].over_bar(v["uniform"].mean), margin) for name in ("later actions", "earlier actions")]
        ),
        0.05,
        ("uniform",),
    ),
    Claim(
        "leap-heeds-future",
        "IEM heeds the future of its plan",
        "total variation",
        influence,
        "other later actions move an action's distribution by 0.1 in total variation more than in the untrained network",
        lambda v, margin: above(v["trained"] - v["untrained"], margin),
        0.1,
        ("untrained",),
    ),
)
