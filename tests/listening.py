"""A server that answers as a test says, for what no look-alike does."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

Answer = Callable[[socket.socket], None]


@contextmanager
def listening() -> Iterator[Callable[[Answer], int]]:
    """Give a function that has each connection answered, and returns the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(answer: Answer) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with closing(connection):
                answer(connection)

    def start(answer: Answer) -> int:
        threading.Thread(target=serve, args=(answer,), daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    with closing(listener):
        yield start
