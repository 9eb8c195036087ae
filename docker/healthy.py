"""Exit with 0 if an address answers and, where one is named, its component is healthy.

The health checks of docker-compose.yml: `airflow jobs check` would load all of Airflow
for each look, the API server knows the heartbeats of the others.

    python -I docker/healthy.py [--if-it-answers] <address> [component]

Where whoever is unhealthy is restarted (Kubernetes), `--if-it-answers` lets an address that does
not answer say nothing of the component.
"""

import json
import sys
import urllib.request

lenient = sys.argv[1] == "--if-it-answers"
address, *component = sys.argv[2 if lenient else 1 :]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with direct.open(address, timeout=5) as answer:
        health = json.load(answer)
except OSError as error:  # refused, no such name, too slow, or an HTTP status of 500
    sys.exit(None if lenient else f"{address}: {error}")
for name in component:
    if health[name]["status"] != "healthy":
        sys.exit(f"{name}: {health[name]}")
