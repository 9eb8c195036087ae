#!/bin/sh
# apache-superset 6.1.0: what pip installs does not start, and then does not reach its first database.
#
# Its wheel imports three things that it does not ask for, or asks for without an upper bound:
#
# 1. `superset` ends in "No module named 'rich'" (superset/cli/test_db.py), whatever the command.
# 2. With rich, "SupersetMetastoreCache.__init__() got an unexpected keyword argument
#    'ignore_delete_many_errors'": flask-caching 2.5 hands every cache an option that Superset's does not
#    take. 2.3.1, which Superset's own requirements/base.txt names, does not.
# 3. With that, it starts; the first database that is added ends in "No module named 'cachetools'"
#    (superset/db_engine_specs/aws_iam.py, loaded for every database), told as "Import failed for an
#    unknown reason".
#
# `superset import-dashboards` of 6.1.0 says that it overwrites; it does so for dashboards only, while
# charts, datasets and connections that are there stay as they are. `ImportAssetsCommand`, which has no
# command line, overwrites all.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
pip() { "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }
export SUPERSET_HOME="$folder" SUPERSET_SECRET_KEY=for-this-run-and-no-other FLASK_APP=superset
said() { "$folder/venv/bin/$1" "$2" "$3" 2>&1 || true; }

pip apache-superset==6.1.0
said superset db --help | grep "No module named 'rich'" || echo "rich is there: mended?"
pip rich 'flask-caching==2.5.1'
said superset db upgrade | grep "ignore_delete_many_errors" || echo "flask-caching 2.5 is understood: mended?"
pip 'flask-caching==2.3.1'
said python -c 'import superset.db_engine_specs.aws_iam' | grep "No module named 'cachetools'" || echo "cachetools is there: mended?"
