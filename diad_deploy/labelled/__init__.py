"""Labelled images: layouts of data sets, ground-truth masks, and what is checked about them."""
