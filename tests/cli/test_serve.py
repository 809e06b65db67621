"""`akma serve` where nobody can listen: a line, before anything is started."""

import socket

from tests.support.command import Akma


def test_a_taken_port_is_one_line(akma: Akma) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = akma("serve", "--port", port)
    assert result.code == 2
    assert result.complaint == f"akma: 127.0.0.1:{port} is taken by another program: choose another --port"


def test_an_address_of_another_machine(akma: Akma) -> None:
    result = akma("serve", "--host", "203.0.113.1", "--port", 3999)
    assert result.code == 2
    assert "203.0.113.1:3999 cannot be listened at" in result.complaint
