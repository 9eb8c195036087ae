"""Models in Python get their policies from the project's vars."""

from tests.dbt.manifest_views import models


def test_every_policy_that_a_python_model_is_given_reaches_it(manifest):
    """dbt hands over only the names it finds in the model's text, and no error for the others."""
    python = [node for node in models(manifest) if node["language"] == "python"]
    given = {node["name"]: sorted(node["config"]["meta"]) for node in python}
    taken = {node["name"]: sorted(node["config"].get("meta_keys_used", [])) for node in python}
    assert python
    assert taken == given
