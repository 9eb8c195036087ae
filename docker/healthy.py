"""Exit with 0 if an address answers and, where one is named, its component is healthy.

The health checks of docker-compose.yml: `airflow jobs check` would load all of Airflow
for each look, the API server knows the heartbeats of the others.

    python -I docker/healthy.py <address> [component]
"""

import json
import sys
import urllib.request

address, *component = sys.argv[1:]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with direct.open(address, timeout=5) as answer:
    health = json.load(answer)
for name in component:
    if health[name]["status"] != "healthy":
        sys.exit(f"{name}: {health[name]}")
