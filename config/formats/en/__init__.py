"""English, for European practices."""
