"""What the published Trajectory Transformer imagines, as `figures.tt_imagination` draws it of ours."""

from figures import published, style, tt_imagination

draw = published.twin(tt_imagination.draw)

if __name__ == "__main__":
    style.make("hub_tt_imagination", draw, *tt_imagination.HEIGHTS)
