"""The models and images that are measured."""
