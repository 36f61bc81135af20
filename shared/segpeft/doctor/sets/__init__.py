"""Checks that need the whole set: what a case is like is judged by what the others are like."""
