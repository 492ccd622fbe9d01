"""What a network can be trained for: a module an objective. :mod:`relab.training.loop` trains for any of them."""
