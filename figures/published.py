"""Pictures of published checkpoints: drawn as those of the models trained here, from evidence under other names."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from pipeline.study.runs import untwin

Draw = Callable[[Figure, dict], None]


def twin(draw: Draw) -> Draw:
    """The same picture of the published checkpoint: `draw` finds its evidence under the names it knows."""

    def drawn(figure: Figure, data: dict) -> None:
        draw(figure, {untwin(name): values for name, values in data.items()})

    return drawn
