"""The resumable grid runner behind every comparison table: ``python -m segpeft.experiments GRID.json --out DIR``."""
