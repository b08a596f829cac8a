"""Models for the tests of core alone; installed by the test settings, its tables made without migrations."""
