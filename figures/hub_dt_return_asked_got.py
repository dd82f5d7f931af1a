"""The published Decision Transformer's return got against return asked, as `figures.dt_return_asked_got` draws ours."""

from figures import dt_return_asked_got, published, style

draw = published.twin(dt_return_asked_got.draw)

if __name__ == "__main__":
    style.make("hub_dt_return_asked_got", draw, *dt_return_asked_got.HEIGHTS)
