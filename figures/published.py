"""Pictures of published checkpoints: drawn as those of the models trained here, from evidence under other names."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.study.runs import untwin


def twin(draw: Callable) -> Callable:
    """The same picture of the published checkpoint: `draw` finds its evidence, the last it is given, under the names it
    knows.
    """

    def drawn(*given):
        *figure, data = given
        return draw(*figure, {untwin(name): values for name, values in data.items()})

    return drawn
