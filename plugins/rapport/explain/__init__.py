"""One customer's whole story: what the night knows of them, what it decided and why.

A marketer asks why somebody got no letter, a data engineer why two records are one person, and a
customer what a firm thinks of them: one page answers, from one release. The build warehouse is
asked only for the records behind a customer, as no release holds them. A story names records by
their own ids and nobody by name, address or telephone number.
"""

from rapport.explain.records import Tie, customer_of_record, ties_of
from rapport.explain.story import Part, Story, story_of

__all__ = ["Part", "Story", "Tie", "customer_of_record", "story_of", "ties_of"]
