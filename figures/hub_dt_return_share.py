"""The published Decision Transformer's attention by type of token, as `figures.dt_return_share` draws ours."""

from figures import dt_return_share, published, style

draw = published.twin(dt_return_share.draw)

if __name__ == "__main__":
    style.make("hub_dt_return_share", draw, *dt_return_share.HEIGHTS)
