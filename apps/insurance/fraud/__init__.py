"""Fraud screening: pure rules over gathered facts; no database, no clock, no settings."""
