import socket
import threading
import urllib.request

import pytest

from sandbox.container import ContainerSettings
from sandbox.errors import PortTaken
from sandbox.local import LocalContainer
from sandbox.preview import Preview


@pytest.fixture(scope="module")
def container():
    with LocalContainer(ContainerSettings()) as container:
        container.replace({"index.html": b"<h1>Hello</h1>", "big.bin": bytes(range(256)) * 4096})
        yield container


def fetch(url):
    with urllib.request.urlopen(url, timeout=20) as response:
        return response.read()


def test_the_site_is_served_on_loopback(container):
    with Preview(container) as preview:
        assert preview.wait_ready(5).status == 200
        assert fetch(preview.url) == b"<h1>Hello</h1>"


def test_a_wished_port_is_used_and_a_taken_one_named(container):
    with Preview(container) as first, pytest.raises(PortTaken, match=f"Port {first.port} is in use"):
        Preview(container, port=first.port).__enter__()


def test_parallel_downloads_are_all_whole(container):
    sizes = []
    with Preview(container) as preview:
        threads = [
            threading.Thread(target=lambda: sizes.append(len(fetch(f"{preview.url}/big.bin")))) for _ in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sizes == [256 * 4096] * 40


def test_a_client_that_only_listens_on_still_gets_its_answer(container):
    with Preview(container) as preview, socket.create_connection(("127.0.0.1", preview.port), 10) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        received = b""
        while block := client.recv(4096):
            received += block
    assert received.endswith(b"<h1>Hello</h1>")


def test_closing_ends_open_connections(container):
    with Preview(container) as preview:
        client = socket.create_connection(("127.0.0.1", preview.port), 10)
    with client:
        assert client.recv(1) == b""
    with pytest.raises(OSError, match=r"refused|reset"):
        socket.create_connection(("127.0.0.1", preview.port), 1)


def test_a_site_that_does_not_answer_is_data():
    with LocalContainer(ContainerSettings()) as gone:
        preview = Preview(gone)
    with preview:
        answer = preview.wait_ready(0.2)
    assert answer.status is None
    assert answer.error
