"""Who is who: records of a person in several systems, tied to one customer.

The rules and their policies are SQL and vars of the dbt project. Here is what SQL cannot do well:
telephone numbers (``phones``), connected components with conflicts (``components``) and fuzzy
links (``fuzzy``).
"""
