"""How Superset runs here, to look at the dashboards; a team's own Superset has its own.

Its secret key and its folder are those of the environment (``SUPERSET_SECRET_KEY``,
``SUPERSET_HOME``), which Superset reads by itself.
"""

from superset.config import TALISMAN_CONFIG

# Each page would tell a third party that it was opened: nothing is asked of a host but this one.
_POLICY = TALISMAN_CONFIG["content_security_policy"]
for _part in ("img-src", "connect-src"):
    _POLICY[_part] = [each for each in _POLICY[_part] if not each.startswith("https:")]
