#!/bin/sh
# phonenumbers 9.0.43 (Google's libphonenumber): of the telephone numbers that regulators set aside for films
# and tests, some are valid and some are not.
#
# One would expect all of them to be one or the other: nobody has them. Ofcom's drama numbers of London are
# valid, its drama mobiles are not; ARCEP's of Paris are valid, its mobiles are not; North America's
# 555-01xx are. A test data set with mobiles of that kind loses them to whoever keeps valid numbers only,
# and a check on numbers that should not be real lets half of them pass.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check phonenumbers==9.0.43
"$folder/venv/bin/python" - <<'PYTHON'
import phonenumbers

FICTION = {
    "+442079460123": "Ofcom, London 020 7946 0xxx",
    "+447700900123": "Ofcom, mobiles 07700 900xxx",
    "+33199001234": "ARCEP, Paris 01 99 00 xx xx",
    "+33639981234": "ARCEP, mobiles 06 39 98 xx xx",
    "+12025550123": "NANPA, 555-01xx",
}
valid = {}
for number, whose in FICTION.items():
    parsed = phonenumbers.parse(number)
    valid[number] = phonenumbers.is_valid_number(parsed)
    possible = phonenumbers.is_possible_number(parsed)
    print(f"phonenumbers {phonenumbers.__version__}: {whose}: possible {possible}, valid {valid[number]}")
assert list(valid.values()) == [True, False, True, False, True], valid
PYTHON
