"""Share of attention that acting rows give to each type of token, layer by layer: trained, untrained, and even."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style

HEIGHTS = (3.1, 7.4)


def draw(figure: Figure, data: dict) -> None:
    """One panel a token type; dots are layers and heads with 95 % intervals over contexts, the dashed line is even
    attention.
    """
    values = data["attention/local_dt_halfcheetah"]
    kinds = values["token_types"]
    panels = style.panels(figure, len(kinds), sharey=True)
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


if __name__ == "__main__":
    style.make("dt_return_share", draw, *HEIGHTS)
