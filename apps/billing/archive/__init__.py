"""Archives of the ledger, and the programme that verifies one far from here."""
