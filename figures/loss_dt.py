"""The Decision Transformer's loss against updates, on episodes it learns from and on episodes it never sees."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style


def draw(figure: Figure, data: dict) -> None:
    """Two curves, labelled at their ends; training's is measured with dropout, the held-out one without."""
    axes = figure.subplots()
    curve = data["training/local_dt_halfcheetah"]["curve"]
    updates = [point["updates"] for point in curve]
    for key, label, color in (("loss", "training (with dropout)", style.SKY), ("held_out_loss", "held out", style.BLUE)):
        losses = [point[key] for point in curve]
        axes.plot(updates, losses, color=color)
        axes.annotate(label, (updates[-1], losses[-1]), xytext=(6, 0), textcoords="offset points", va="center", color=color, fontsize=8)
    axes.set(xlabel="updates of 64 windows", ylabel="mean squared error\nof a torque", xlim=(0, updates[-1] * 1.28), ylim=(0, None))


if __name__ == "__main__":
    style.make("loss_dt", draw, 6.4, 2.8)
