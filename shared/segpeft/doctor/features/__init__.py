"""Numbers of a case that do not depend on how its intensities are scaled, to compare cases of a set by."""
