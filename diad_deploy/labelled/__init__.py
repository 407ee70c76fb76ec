"""Labelled images: the layouts of data sets, ground-truth masks and the checks on them."""
