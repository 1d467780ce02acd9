"""Starts InvokeAI's server with one door more: a Unix socket that copies the database as this process sees it.

`python serve.py SOCKET` is `invokeai-web` otherwise. A client sends the path for the copy and gets `ok` or the error.
"""

import socket
import sqlite3
import sys
import threading
from contextlib import closing


def copies(path):
    from invokeai.app.services.config.config_default import get_config

    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        while True:
            client, _ = door.accept()
            with client:
                target = client.recv(4096).decode()
                try:
                    with closing(sqlite3.connect(get_config().db_path)) as ours, closing(sqlite3.connect(target)) as copy:
                        ours.backup(copy)
                    client.sendall(b"ok")
                except Exception as error:
                    client.sendall(f"{type(error).__name__}: {error}".encode())


if __name__ == "__main__":
    threading.Thread(target=copies, args=[sys.argv.pop(1)], daemon=True).start()
    from invokeai.app.run_app import run_app

    run_app()
