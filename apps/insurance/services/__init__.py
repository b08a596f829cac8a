"""Writes of the payer network, one module per use case."""
