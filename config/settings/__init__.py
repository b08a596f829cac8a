"""Settings by environment; see development.py, test.py and production.py."""
