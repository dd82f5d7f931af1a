"""Pieces of evidence: files, records, checkpoints, and the fingerprints that tell whether they hold."""
