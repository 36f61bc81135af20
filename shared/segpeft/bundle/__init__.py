"""The commands around a bundle."""
