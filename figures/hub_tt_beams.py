"""The published Trajectory Transformer's return and time against the number of beams, as `figures.tt_beams` draws ours."""

from figures import published, style, tt_beams

draw = published.twin(tt_beams.draw)

if __name__ == "__main__":
    style.make("hub_tt_beams", draw, *tt_beams.HEIGHTS)
