"""The network as FHIR R4 (4.0.1): pure functions from rows to resources, as dicts.

`codes` holds the vocabularies, `parts` the small shapes every resource uses, the others one resource each. Rows come
in loaded; nothing here queries, and amounts leave as exact decimals.
"""
