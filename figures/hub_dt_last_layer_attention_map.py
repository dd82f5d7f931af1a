"""The published Decision Transformer's last layer, as `figures.dt_last_layer_attention_map` draws ours."""

from figures import dt_last_layer_attention_map, published, style

draw = published.twin(dt_last_layer_attention_map.draw)

if __name__ == "__main__":
    style.make("hub_dt_last_layer_attention_map", draw, *dt_last_layer_attention_map.HEIGHTS)
