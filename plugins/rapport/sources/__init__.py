"""The systems Rapport pulls from, as dlt sources."""
