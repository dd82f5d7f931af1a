"""Where acting rows look, layer by layer: trained, untrained, and even; and how far the action moves when what they see is
swapped.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style

HEIGHTS = (5.3, 10.2)
SWAPS = (  # evidence, label, kind of token
    ("returns_swapped", "all returns", "return"),
    ("latest_return_swapped", "the latest return", "return"),
    ("actions_swapped", "all earlier actions", "action"),
    ("all_but_latest_state_swapped", "all but the latest state", None),
    ("latest_state_swapped", "the latest state", "state"),
    ("states_swapped", "all states", "state"),
)


def draw(figure: Figure, data: dict) -> None:
    """Above: one panel a token type; dots are layers and heads with 95 % intervals over contexts, the dashed line is even
    attention. Below: what an exchange of tokens for another context's does.
    """
    values = data["attention/local_dt_halfcheetah"]
    above, below = figure.subfigures(2, 1, height_ratios=(2.7, 1) if style.narrow(figure) else (1.35, 1))
    movements(below.subplots(), values, style.narrow(figure))
    kinds = values["token_types"]
    panels = style.panels(figure, len(kinds), above, sharey=True)
    for axes, kind in zip(panels, kinds, strict=True):
        axes.axhline(values["uniform"][kind], color=style.GREY, lw=1, ls=(0, (4, 3)))
        for name, color, marker, shift in (
            ("shares", style.TOKEN_COLORS[kind], "o", -0.08),
            ("shares_untrained", style.GREY, "s", 0.08),
        ):
            cells = [
                (layer + shift + 0.12 * head, cell)
                for layer, heads in enumerate(values[name][kind])
                for head, cell in enumerate(heads)
            ]
            x = [place for place, _ in cells]
            mean, errors = style.whiskers([cell for _, cell in cells])
            axes.errorbar(
                x,
                mean,
                yerr=errors,
                fmt=marker,
                color=color,
                ms=6 if marker == "o" else 4.5,
                capsize=2.5,
                lw=1.3,
                mfc=color if marker == "o" else "white",
            )
        axes.set_title(f"on {kind} tokens", color=style.TOKEN_COLORS[kind])
        axes.set_xticks(range(values["layers"]), [f"layer {layer + 1}" for layer in range(values["layers"])])
        axes.set(xlim=(-0.5, values["layers"] - 0.5), ylim=(0, 1))
        axes.set_ylabel("share of attention\nfrom state tokens" if style.narrow(figure) or axes is panels[0] else "")
    style.key(panels[-1])


def movements(axes, values: dict, narrow: bool) -> None:
    """One row a swap: how far the action moves, mean and 95 % interval over contexts, on a logarithmic axis."""
    for place, (name, _, kind) in enumerate(SWAPS):
        change, color = values["action_change"][name], style.TOKEN_COLORS.get(kind, style.GREY)
        axes.plot((change["low"], change["high"]), (place, place), color=color, lw=2)
        axes.plot(change["mean"], place, "o", color=color, ms=6)
        axes.text(change["high"] * 1.15, place, f"{change['mean']:.2g}" if change["mean"] < 10 else f"{change['mean']:.0f}",
                  color=color, va="center", fontsize=style.SMALL)  # fmt: skip
    axes.set_yticks(range(len(SWAPS)), [label for _, label, _ in SWAPS])
    axes.set(xscale="log", xlim=(0.03, 3000), ylim=(len(SWAPS) - 0.5, -0.5))
    axes.set_xlabel("movement of the action,\n‰ of full torque" if narrow else "movement of the action, ‰ of full torque")
    axes.set_xticks([0.1, 1, 10, 100, 1000], ["0.1", "1", "10", "100", "1000"])
    axes.set_xticks([], minor=True)
    axes.tick_params(axis="y", length=0)
    axes.set_title("when swapped")


if __name__ == "__main__":
    style.make("dt_return_share", draw, *HEIGHTS)
