"""Chapter B: the notebook on generative modelling."""
