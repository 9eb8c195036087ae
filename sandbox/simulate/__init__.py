"""A whole company with a known truth, for tests and benchmarks of what the warehouse concludes."""

from sandbox.simulate.parameters import Kind, Parameters

__all__ = ["Kind", "Parameters"]
