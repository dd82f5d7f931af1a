"""The post's drawn pictures: one script each, of the same name as its image, from evidence alone."""
