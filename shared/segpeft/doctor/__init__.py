"""Checks before a training: the environment, a bundle's knobs, every case of a data set, and what a step will cost."""
