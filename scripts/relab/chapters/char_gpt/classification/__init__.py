"""A6: classification on frozen features, two data sets side by side."""
