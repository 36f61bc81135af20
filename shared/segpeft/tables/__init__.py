"""Every published parameter count beside the one computed from the real modules: ``python -m segpeft.tables``."""
