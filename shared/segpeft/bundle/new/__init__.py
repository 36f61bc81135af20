"""`python -m segpeft.bundle new`: a bundle for a data set of one's own, with knobs that its files suggest."""
