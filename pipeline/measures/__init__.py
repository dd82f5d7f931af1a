"""Verbs: each makes one kind of evidence."""
