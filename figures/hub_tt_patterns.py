"""The published Trajectory Transformer's patterns of attention, head by head, as `figures.tt_patterns` draws ours."""

from figures import published, style, tt_patterns

draw = published.twin(tt_patterns.draw)

if __name__ == "__main__":
    style.make("hub_tt_patterns", draw, *tt_patterns.HEIGHTS)
