"""Rapport: a nightly customer-relationship warehouse."""
