# One image for every service of docker-compose.yml, from the locked requirements of `make run` and
# what only a team needs, the CeleryExecutor.
# The base is pinned by tag; give PYTHON_IMAGE a tag with its digest to pin it to the byte.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS packages
# This stage alone knows the package index: an address with a password stays out of the image.
ARG PIP_INDEX_URL
WORKDIR /build
COPY requirements/bootstrap.lock requirements/
RUN python -m venv uv \
    && uv/bin/pip install --quiet --disable-pip-version-check --no-cache-dir \
        --require-hashes -r requirements/bootstrap.lock
COPY requirements/team.lock requirements/
RUN python -m venv /opt/venv \
    && uv/bin/uv pip install --python /opt/venv/bin/python --no-cache --compile-bytecode \
        ${PIP_INDEX_URL:+--default-index "$PIP_INDEX_URL"} \
        --require-hashes -r requirements/team.lock

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp \
        --shell /usr/sbin/nologin rapport \
    && install -d -o rapport -g rapport /var/lib/rapport /var/lib/company \
    # An empty file: Airflow would else write one of its own, with keys that nobody chose.
    && install -D -m 644 /dev/null /opt/airflow/airflow.cfg
COPY --from=packages /opt/venv /opt/venv
# Nothing that runs in here reports to anybody.
ENV AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    DO_NOT_TRACK=1 \
    GX_ANALYTICS_ENABLED=false \
    RUNTIME__DLTHUB_TELEMETRY=false
ENV AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/rapport/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/rapport/plugins \
    # It tells of nights that failed, which a mail server may hold up.
    AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT=120 \
    AIRFLOW__LOGGING__BASE_LOG_FOLDER=/var/lib/rapport/logs/airflow \
    AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS=rapport.orchestration.logs.LOGGING_CONFIG \
    AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY=/var/lib/rapport/logs/airflow/dag_processor \
    HOME=/tmp \
    PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    # dbt leaves a lock to the end of its process, which Python says in every build's log.
    PYTHONWARNINGS=ignore:resource_tracker:UserWarning \
    RAPPORT_HOME=/var/lib/rapport
WORKDIR /opt/rapport
COPY . .
# The DAG is drawn from the parsed dbt project, and every build is handed it.
RUN pip install --quiet --disable-pip-version-check --no-cache-dir \
        --no-deps --no-build-isolation --editable . \
    && python -m rapport.build \
    && python -m compileall -q plugins sandbox \
    && chmod -R a+rX .
USER 10001:10001
