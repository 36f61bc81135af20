"""Where the documentation takes its numbers about speed and memory from; run by ``make bench``."""
