"""Turns a trained DiAD checkpoint into a bundle that `diad_deploy` runs."""
