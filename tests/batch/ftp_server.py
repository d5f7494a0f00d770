"""A real FTP server in a process of its own: python -W ignore -m tests.batch.ftp_server ROOT PORT BYTES_A_SECOND."""

from __future__ import annotations

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, ThrottledDTPHandler
from pyftpdlib.servers import FTPServer


def main() -> None:
    """Serve until killed. What comes in is slowed down to BYTES_A_SECOND, 0 for no limit."""
    root, port, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    FTPHandler.authorizer = DummyAuthorizer()
    FTPHandler.authorizer.add_user("farol", "hunter2", root, perm="elradfmwMT")
    FTPHandler.dtp_handler = ThrottledDTPHandler
    ThrottledDTPHandler.read_limit = limit
    FTPServer(("127.0.0.1", port), FTPHandler).serve_forever()


if __name__ == "__main__":
    main()
