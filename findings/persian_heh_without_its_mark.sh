#!/bin/sh
# DuckDB 1.5.5, and Unicode behind it: taking the marks off the Persian letter heh with yeh above does not
# give the Persian heh.
#
# To match names one takes off marks, so that an e with an accent is an e. U+06C0, which ends many a Persian
# name (Zhaleh), decomposes into U+06D5 and a hamza, and U+06D5 is another letter, the ae of Kurdish and
# Uighur: it looks the same and equals neither the plain heh (U+0647) that most people type for it nor the
# heh with a hamza typed after it, which does become the plain one.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==1.5.5
"$folder/venv/bin/python" - <<'PYTHON'
import unicodedata

import duckdb

HEH = "\u0647"
SPELLINGS = {"U+06C0": "\u06c0", "U+0647 U+0654": "\u0647\u0654", "U+0647": HEH}
found = {}
for spelling, text in SPELLINGS.items():
    (bare,) = duckdb.execute("select strip_accents(nfc_normalize(?))", [text]).fetchone()
    by_unicode = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    assert bare == by_unicode
    found[spelling] = f"U+{ord(bare):04X}"
    print(f"duckdb {duckdb.__version__}: {spelling} without its marks is {found[spelling]}")
assert found == {"U+06C0": "U+06D5", "U+0647 U+0654": "U+0647", "U+0647": "U+0647"}, found
PYTHON
