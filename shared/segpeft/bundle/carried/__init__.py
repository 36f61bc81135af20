"""What makes a packed bundle independent of an installed segpeft: a copy of the package, configs that use it."""
