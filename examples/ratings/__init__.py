"""Films rated over two decades: users and films that a model has never seen, so that it ages."""
