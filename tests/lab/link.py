"""PORT TO MS: what the server at TO says is passed on, and after SIGUSR1 only MS
milliseconds later; what is on its way when this process dies is lost, as on any
long line. A handshake over a slow one would take longer than most tests."""

import collections
import signal
import socket
import sys
import threading
import time


def shut(*ends):
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other direction was faster


def at_once(source, sink):
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass
    shut(source, sink)


DELAY = [0.0]


def later(source, sink):
    waiting, there = collections.deque(), threading.Condition()

    def read():
        data = b"x"
        while data:
            try:
                data = source.recv(1 << 16)
            except OSError:
                data = b""
            with there:
                waiting.append((time.monotonic() + DELAY[0], data))
                there.notify()

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            with there:
                while not waiting:
                    there.wait()
                due, data = waiting.popleft()
            time.sleep(max(0, due - time.monotonic()))
            if not data:
                break
            sink.sendall(data)
    except OSError:
        pass
    shut(source, sink)


def main():
    port, to, delay = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) / 1000
    signal.signal(signal.SIGUSR1, lambda *_: DELAY.__setitem__(0, delay))
    listener = socket.create_server(("127.0.0.1", port), backlog=16)
    while True:
        near, _ = listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", to), timeout=5)
        except OSError:
            near.close()
            continue
        far.settimeout(None)
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=at_once, args=(near, far), daemon=True).start()
        back = (at_once, (far, near)) if delay == 0 else (later, (far, near))
        threading.Thread(target=back[0], args=back[1], daemon=True).start()


main()
