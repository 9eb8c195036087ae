#!/bin/sh
# django-crm 1.35.0 (BottleCRM): the `offset` that a list of contacts or tickets answers with is not where the next
# page begins; who follows it reads some records twice and others never, and may go round for ever.
#
# One would take it for the next page's, as the lists of leads, accounts and deals mean it, and null for the end. It
# is the number of records whose id is at least that of the page's last one (contacts/views.py, cases/views.py). That
# is the next page's offset in a list that goes by id, downwards. These two lists go by the time of making, and ids
# are random.
#
# Counting one's own rows (`limit` and `offset`, up to `contacts_count` or `cases_count`) reads each record once.
set -eu
python=${PYTHON:-python3.12}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check django-crm==1.35.0
cd "$folder"
cat > settings.py <<'PYTHON'
from crm.test_settings import *  # SQLite in memory, as its own tests have it

MIGRATION_MODULES = {app.rpartition(".")[2]: None for app in INSTALLED_APPS}
LOGGING = {"version": 1, "root": {"level": "CRITICAL"}}  # it tells of what SQLite lacks
PYTHON
DJANGO_SETTINGS_MODULE=settings SECRET_KEY=for-this-run-and-no-other-0123456789 "$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata

import django

django.setup()
from django.core.management import call_command
from rest_framework.test import APIClient

from common.models import Org, Profile, User
from common.serializer import OrgAwareRefreshToken

call_command("migrate", run_syncdb=True, verbosity=0)
user = User.objects.create(email="ann@example.com")
org = Org.objects.create(name="Firm")
profile = Profile.objects.create(user=user, org=org, role="ADMIN", is_active=True)
client = APIClient(headers={"host": "localhost"})
token = OrgAwareRefreshToken.for_user_and_org(user, org, profile).access_token
client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

RECORDS, PAGE = 40, 10
for number in range(RECORDS):
    made = [
        client.post("/api/contacts/", {"first_name": f"A{number}", "last_name": "B"}, format="json"),
        client.post(
            "/api/cases/",
            {"name": f"Case {number}", "status": "New", "priority": "Low"},
            format="json",
        ),
    ]
    assert all(answer.status_code == 200 for answer in made), [answer.content for answer in made]


def followed(path, key):
    """Go where the answer says, until it says null or five times as many pages as there are were read."""
    offset, found, ended = 0, [], False
    for _ in range(5 * RECORDS // PAGE):
        page = client.get(path, {"limit": PAGE, "offset": offset, "slim": "true"}).json()
        found += [record["id"] for record in page[key]]
        offset = page["offset"]
        if offset is None:
            ended = True
            break
    return len(found), len(set(found)), ended


def counted(path, key):
    """Go on by what was read."""
    found = []
    while page := client.get(path, {"limit": PAGE, "offset": len(found), "slim": "true"}).json()[key]:
        found += [record["id"] for record in page]
    return len(found), len(set(found)), True


print("django-crm", importlib.metadata.version("django-crm"), f"with {RECORDS} records of each")
for path, key in (("/api/contacts/", "contact_obj_list"), ("/api/cases/", "cases")):
    for way in (followed, counted):
        rows, records, ended = way(path, key)
        print(f"{path} {way.__name__}: {rows} rows, {records} records, {'ended' if ended else 'goes round'}")
    assert counted(path, key) == (RECORDS, RECORDS, True)
    assert followed(path, key) != (RECORDS, RECORDS, True), "the offset is the next page's: mended?"
PYTHON
