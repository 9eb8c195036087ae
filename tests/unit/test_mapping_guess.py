"""Which stream a table is of, by the names of its columns in four languages and by their looks."""

import pytest

from rapport.contract import read_contract
from rapport.mapping.guess import guesses, headers, squashed, unmapped
from rapport.mapping.shapes import look
from rapport.settings import PROJECT_DIR as ROOT

CONTRACT = {stream.name: stream for stream in read_contract(ROOT / "dbt_project")}
DAYS = ["01.03.2017", "31.12.2017"]


def guessed(table, columns, decimal="."):
    looks = [look(name, values) for name, values in columns.items()]
    found = guesses(table, looks, CONTRACT, decimal)
    return {each.stream: each for each in found}, unmapped(looks, found)


@pytest.mark.parametrize(
    "header",
    [
        ["Customer ID", "Email", "First Name", "Last Name", "City", "Created At"],
        ["Kundennummer", "E-Mail", "Vorname", "Nachname", "Ort", "Angelegt am"],
        ["N° client", "Courriel", "Prénom", "Nom", "Ville", "Créé le"],
        ["Código cliente", "Correo electrónico", "Nombre", "Apellidos", "Ciudad", "Fecha de alta"],
    ],
)
def test_customers_are_known_by_their_columns_in_four_languages(header):
    values = [
        ["7", "8"],
        ["a@example.com", "b@example.com"],
        ["A", "B"],
        ["C", "D"],
        ["E", "F"],
        DAYS,
    ]
    found, left = guessed("export", dict(zip(header, values, strict=True)))
    assert list(found) == ["contacts"]
    assert left == []
    columns = ("contact_id", "email", "first_name", "last_name", "city", "created_at")
    assert tuple(found["contacts"].reads[column] for column in columns) == tuple(header)


@pytest.mark.parametrize(
    "header",
    [
        ["Order ID", "Customer ID", "Order Date", "SKU", "Quantity", "Line Total"],
        ["Bestellnummer", "Kundennummer", "Bestelldatum", "Artikelnummer", "Menge", "Gesamtpreis"],
        ["N° commande", "Code client", "Date de commande", "Réf. produit", "Qté", "Montant TTC"],
        ["N° pedido", "ID cliente", "Fecha de pedido", "Referencia", "Cantidad", "Importe"],
    ],
)
def test_orders_with_their_lines_on_rows_are_both(header):
    values = [["B1", "B1"], ["7", "7"], DAYS, ["A1", "A2"], ["1", "2"], ["1.50", "2.50"]]
    found, left = guessed("export", dict(zip(header, values, strict=True)))
    assert found.keys() == {"orders", "order_lines"}
    assert left == []
    assert found["orders"].reads["ordered_at"] == header[2]
    assert found["order_lines"].columns["sales_amount"] == f'"{header[5]}"'


def test_where_a_line_has_the_price_of_a_piece_its_amount_is_worked_out():
    lines = {"Bestellnummer": ["1", "1"], "Artikelnummer": ["A", "B"], "Menge": ["2", "1"]}
    found, _ = guessed("positionen", lines | {"Einzelpreis": ["1.199,50 €", "3,99 €"]}, ",")
    import duckdb

    sql = found["order_lines"].columns["sales_amount"]
    worked_out = duckdb.sql(
        f"""select {sql} from (select '1.199,50 €' as "Einzelpreis", '2' as "Menge")"""
    )
    assert worked_out.fetchone() == ("2399,000",)


def test_lines_in_a_list_of_an_order_are_rows_of_it():
    found, _ = guessed(
        "orders",
        {
            "id": ["1"],
            "created_at": ["2017-03-01T10:00:00Z"],
            "currency": ["EUR"],
            "line_items": ['[{"sku": "A-1", "quantity": 2, "price": "3.50"}]'],
        },
    )
    assert found["order_lines"].each == '"line_items"'
    assert found["order_lines"].columns["order_id"] == '"id"'
    assert found["order_lines"].columns["product_id"] == "item->>'$.\"sku\"'"


def test_what_names_do_not_tell_the_looks_of_the_values_do():
    found, _ = guessed(
        "export",
        {
            "Kundennummer": ["7", "8"],
            "Nachname": ["A", "B"],
            "Feld 1": ["a@example.com", "b@example.com"],
            "Feld 2": ["+49 30 901820", "+49 30 901821"],
        },
    )
    assert found["contacts"].reads["email"] == "Feld 1"
    assert found["contacts"].reads["phones"] == "Feld 2"


def test_a_name_whose_values_do_not_look_like_it_is_not_taken():
    found, left = guessed(
        "kunden", {"Kundennummer": ["7", "8"], "Nachname": ["A", "B"], "E-Mail": ["ja", "nein"]}
    )
    assert "email" not in found["contacts"].columns
    assert left == ["E-Mail"]


def test_countries_in_words_are_asked_for_and_not_guessed():
    found, _ = guessed(
        "kunden", {"Kundennummer": ["7"], "E-Mail": ["a@example.com"], "Land": ["Deutschland"]}
    )
    assert "country_code" not in found["contacts"].columns
    assert "then 'DE'" in found["contacts"].open["country_code"]


def test_a_table_of_nothing_that_is_known_is_of_no_stream():
    assert guessed("weather", {"station": ["a", "b"], "temperature": ["1", "2"]})[0] == {}


def test_every_column_that_has_names_is_a_column_of_its_stream():
    made = {"unit_price"}  # of which an amount is worked out
    for stream, names in headers().items():
        known = {column.name for column in CONTRACT[stream].columns if not column.given}
        assert set(names.all) - made <= known, stream


def test_accents_case_and_signs_of_a_name_do_not_count():
    assert squashed("Prénom / Vor-Name (2)") == "prenomvorname"
