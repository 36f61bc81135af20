"""What the doctor finds of what was planted, and what it claims where nothing was."""
