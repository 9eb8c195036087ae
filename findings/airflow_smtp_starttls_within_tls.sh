#!/bin/sh
# apache-airflow-providers-smtp 3.2.0: a connection with a host and port 465 alone cannot send. The hook opens it as
# TLS, and asks for STARTTLS on top, which a server that speaks TLS from the first byte does not offer.
#
# One would expect `disable_ssl: false` (the default) to be enough for port 465. Only `disable_tls: true`, which
# reads as if it took the encryption away, makes it work.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    apache-airflow==3.3.2 apache-airflow-providers-smtp==3.2.0
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$folder/key.pem" -out "$folder/cert.pem" 2> /dev/null
export AIRFLOW_HOME="$folder/home" SSL_CERT_FILE="$folder/cert.pem" CERT="$folder/cert.pem" KEY="$folder/key.pem"
"$folder/venv/bin/python" - 2> /dev/null <<'PYTHON'
import json
import os
import socket
import ssl
import threading
from importlib.metadata import version

from airflow.providers.smtp.hooks.smtp import SmtpHook

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
listener = socket.create_server(("localhost", 0))


def serve():
    while True:
        try:
            with context.wrap_socket(listener.accept()[0], server_side=True) as client:
                client.sendall(b"220 hello\r\n")
                while client.recv(1000):
                    client.sendall(b"250 localhost\r\n")  # no extension, so no STARTTLS
        except OSError:
            continue


threading.Thread(target=serve, daemon=True).start()
found = {}
for name, extra in (("as it is", {}), ("disable_tls", {"disable_tls": True})):
    connection = {"conn_type": "smtp", "host": "localhost", "port": listener.getsockname()[1]}
    os.environ["AIRFLOW_CONN_MAIL"] = json.dumps(connection | {"extra": extra})
    try:
        with SmtpHook("mail") as hook:
            found[name] = f"connected by {type(hook._smtp_client).__name__}"
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"
print("apache-airflow-providers-smtp", version("apache-airflow-providers-smtp"))
for name, became in found.items():
    print(f"{name}: {became}")
assert "STARTTLS extension not supported" in found["as it is"], found
assert found["disable_tls"] == "connected by SMTP_SSL", found
PYTHON
