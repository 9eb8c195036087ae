"""Help with declaring a source: a first mapping from a sample, and what becomes of one."""
