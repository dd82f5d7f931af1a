"""Actions drawn as often as demonstrations take them."""
