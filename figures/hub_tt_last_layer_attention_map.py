"""The published Trajectory Transformer's last layer, as `figures.tt_last_layer_attention_map` draws ours."""

from figures import published, style, tt_last_layer_attention_map

draw, pixels = published.twin(tt_last_layer_attention_map.draw), published.twin(tt_last_layer_attention_map.pixels)

if __name__ == "__main__":
    style.make("hub_tt_last_layer_attention_map", draw, *tt_last_layer_attention_map.HEIGHTS, pixels=pixels)
