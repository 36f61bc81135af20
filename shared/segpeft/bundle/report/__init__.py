"""An evaluation, or several of them, as one HTML page."""
