"""The bundle: a folder with a manifest, graphs, engines, noise and thresholds."""
