"""The published Decision Transformer's last layer, as `figures.dt_last_layer_attention_map` draws ours."""

from figures import dt_last_layer_attention_map, published, style

draw, pixels = published.twin(dt_last_layer_attention_map.draw), published.twin(dt_last_layer_attention_map.pixels)

if __name__ == "__main__":
    style.make("hub_dt_last_layer_attention_map", draw, *dt_last_layer_attention_map.HEIGHTS, pixels=pixels)
