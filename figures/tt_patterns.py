"""Two patterns claimed of the Trajectory Transformer's attention, head by head: Markovian and striated."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style

PANELS = (
    ("markovian", "Markovian", "share on the transition\njust before", 1.0),
    ("striated_predicted", "Striated", "share on the same\ndimension", None),
    ("action_to_action", "Actions on actions", "share on\nactions", None),
)


HEIGHTS = (3.2, 7.8)


def draw(figure: Figure, data: dict) -> None:
    """One panel an index: every head a dot with its 95 % interval over contexts; the dashed line is even attention."""
    values = data["attention/local_tt_halfcheetah"]
    for axes, (name, title, label, top) in zip(style.panels(figure, len(PANELS)), PANELS, strict=True):
        axes.axhline(values["uniform"][name], color=style.GREY, lw=1, ls=(0, (4, 3)))
        for suffix, color, marker, shift in (("", style.BLUE, "o", -0.08), ("_untrained", style.GREY, "s", 0.32)):
            cells = [
                (layer + shift + 0.1 * (head - 1.5), cell)
                for layer, heads in enumerate(values[f"{name}{suffix}"])
                for head, cell in enumerate(heads)
            ]
            mean, errors = style.whiskers([cell for _, cell in cells])
            shape = {
                "color": color,
                "fmt": marker,
                "ms": 4.5 if marker == "o" else 3,
                "mfc": color if suffix == "" else "white",
            }
            axes.errorbar([place for place, _ in cells], mean, yerr=errors, lw=1.1, **shape)
        axes.set_title(title)
        axes.set_xticks(range(values["layers"]), [f"{layer + 1}" for layer in range(values["layers"])])
        axes.set(xlabel="layer", ylabel=label, ylim=(0, top), xlim=(-0.5, values["layers"] - 0.3))
        if name == "striated_predicted":
            style.key(axes)


if __name__ == "__main__":
    style.make("tt_patterns", draw, *HEIGHTS)
