"""The Decision Transformer's loss against updates, on episodes it learns from and on episodes it never sees."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style


def draw(figure: Figure, data: dict) -> None:
    """Two curves, labelled at their ends; training's is measured with dropout, the held-out one without."""
    axes = figure.subplots()
    curve = data["training/local_dt_halfcheetah"]["curve"]
    updates = [point["updates"] for point in curve]
    for key, label, color, above in (
        ("loss", "training (with dropout)", style.SKY, 8),
        ("held_out_loss", "held out", style.BLUE, -8),
    ):
        losses = [point[key] for point in curve]
        axes.plot(updates, losses, color=color)
        end = (updates[-1], losses[-1])
        axes.annotate(
            label,
            end,
            xytext=(0, above),
            textcoords="offset points",
            ha="right",
            va="center",
            color=color,
            fontsize=style.SMALL,
        )
    axes.set(xlabel="updates of 64 windows", ylabel="mean squared error\nof a torque", yscale="log", xlim=(0, None))
    axes.set_yticks([0.02, 0.03, 0.05, 0.1, 0.2], ["0.02", "0.03", "0.05", "0.1", "0.2"], minor=False)
    axes.set_yticks([], minor=True)
    axes.set_ylim(0.02, 0.2)


if __name__ == "__main__":
    style.make("loss_dt", draw, 3.4, 3.0)
