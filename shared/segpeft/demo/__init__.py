"""The demonstration behind ``make demo``: from phantoms to label maps in a few minutes on a CPU."""
