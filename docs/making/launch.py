"""What stands for `nninspect` and its worker while the pages are built: it has warm.py do it, and ends as that did."""

import os
import signal
import socket
import sys

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(os.environ["NNINSPECT_WARM"])
    message = [os.path.basename(sys.argv[0]), os.getcwd(), os.environ["COLUMNS"], *sys.argv[1:]]
    socket.send_fds(connection, ["\0".join(message).encode()], [0, 1, 2])
    # Its ends of the pipes are with the other process now.
    for descriptor in (0, 1):
        os.close(descriptor)
    ended = int(connection.recv(16) or b"1")
if ended < 0:
    signal.signal(-ended, signal.SIG_DFL)
    os.kill(os.getpid(), -ended)
os._exit(ended)
