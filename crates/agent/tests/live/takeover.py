"""Traffic of known size for the tests of the takeover. Each role obeys a line on its standard input:
the first ends the traffic, its totals are printed then; the second, or the end, ends the process."""

import json
import os
import random
import socket
import sys
import threading

moved = {"rx": 0, "tx": 0}
guard = threading.Lock()
stopping = threading.Event()


def add(direction, count):
    with guard:
        moved[direction] += count


def say(**what):
    print(json.dumps(what), flush=True)


def write(stream):
    sizes = random.Random(stream.fileno())
    while not stopping.is_set():
        add("tx", stream.send(b"x" * sizes.randint(1, 50_000)))
        stopping.wait(0.001)
    stream.shutdown(socket.SHUT_WR)


def read(stream):
    sizes = random.Random(stream.fileno())
    while got := stream.recv(sizes.randint(1, 50_000)):
        add("rx", len(got))


def both_ways(streams):
    threads = [threading.Thread(target=t, args=(s,)) for s in streams for t in (read, write)]
    for thread in threads:
        thread.start()
    sys.stdin.readline()
    stopping.set()
    for thread in threads:
        thread.join()


def serve(connections):
    listener = socket.create_server(("127.0.0.1", 0))
    say(port=listener.getsockname()[1])
    both_ways([listener.accept()[0] for _ in range(int(connections))])


def connect(port, connections):
    streams = [socket.create_connection(("127.0.0.1", port)) for _ in range(int(connections))]
    say(ready=True)
    both_ways(streams)


def flood(cpu):
    os.sched_setaffinity(0, {int(cpu)})
    target = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    target.bind(("127.0.0.1", 0))
    connected = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    connected.connect(target.getsockname())
    say(ready=True)
    threading.Thread(target=lambda: (sys.stdin.readline(), stopping.set())).start()
    sent = 0
    while not stopping.is_set():
        sent += connected.send(b"x")
        sent += target.sendto(b"yy", target.getsockname())
    moved["tx"] = sent


def sparse():
    """Connections that are read seldom: most are not between the first look at them and the last."""
    listener = socket.create_server(("127.0.0.1", 0))
    pairs = []
    for _ in range(300):
        writer = socket.create_connection(listener.getsockname())
        pairs.append((writer, listener.accept()[0]))
    threading.Thread(target=lambda: (sys.stdin.readline(), stopping.set())).start()
    say(ready=True)
    rounds = 2
    while not stopping.is_set() or rounds:
        # Whatever was missed shows at the next reading of the same connection.
        rounds -= stopping.is_set()
        for writer, reader in pairs:
            add("tx", writer.send(b"x" * 100))
            add("rx", len(reader.recv(100, socket.MSG_WAITALL)))
            stopping.wait(0.002)


def idle():
    """Reads a part before the takeover and the rest after it."""
    listener = socket.create_server(("127.0.0.1", 0))
    writer = socket.create_connection(listener.getsockname())
    reader = listener.accept()[0]
    add("tx", writer.send(b"x" * 5_000))
    add("rx", len(reader.recv(1_234, socket.MSG_WAITALL)))
    say(ready=True)
    sys.stdin.readline()
    add("rx", len(reader.recv(5_000 - 1_234, socket.MSG_WAITALL)))


def swarm():
    """Children that live for one datagram, one after the other."""
    target = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    target.bind(("127.0.0.1", 0))
    threading.Thread(target=lambda: (sys.stdin.readline(), stopping.set())).start()
    say(ready=True)
    children = []
    while not stopping.is_set():
        child = os.fork()
        if child == 0:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.sendto(b"x" * 400, target.getsockname())
            os._exit(7)
        os.waitpid(child, 0)
        children.append(child)
        stopping.wait(0.005)
    say(children=children)
    sys.stdin.readline()
    os._exit(0)


def main():
    role, *arguments = sys.argv[1:]
    globals()[role](*arguments)
    say(**moved)
    sys.stdin.readline()


main()
