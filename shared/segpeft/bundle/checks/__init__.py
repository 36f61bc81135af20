"""What is checked of a bundle, one file a subject."""
