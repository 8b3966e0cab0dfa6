"""Servers and clients whose bytes are known connection by connection. Each step waits for a line."""
import os
import resource
import select
import socket
import sys
import time


HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def take(sock, count):
    while count > 0:
        count -= len(sock.recv(count))


def say(*words):
    print(*words, flush=True)


def serve(port, count):
    listener = socket.create_server(("0.0.0.0", port), backlog=count)
    say("ready")
    held = []
    for number in range(count):
        sock, _ = listener.accept()
        take(sock, 1000 + number)
        sock.sendall(b"x" * (2000 + 3 * number))
        held.append(sock)
    say("served")
    sys.stdin.readline()
    for sock in held:
        sock.close()
    say("closed")
    sys.stdin.readline()


def call(port, count, *hosts):
    held = []
    for number in range(count):
        sock = socket.create_connection((hosts[number % len(hosts)], port))
        sock.sendall(b"y" * (1000 + number))
        take(sock, 2000 + 3 * number)
        held.append(sock)
    say(*(sock.getsockname()[1] for sock in held))
    sys.stdin.readline()
    for sock in held[: count // 5]:
        sock.close()
    say("closed")
    sys.stdin.readline()


def udp():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(server.getsockname())
    for _ in range(10):
        client.send(b"z" * 100)
        _, peer = server.recvfrom(1000)
        server.sendto(b"z" * 30, peer)
        client.recv(1000)
    say(server.getsockname()[1], client.getsockname()[1])
    sys.stdin.readline()


def fork():
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    client.sendall(b"a" * 700)
    take(server, 700)
    child = os.fork()
    if child == 0:
        client.sendall(b"b" * 300)
        os.read(0, 1)
        os._exit(0)
    take(server, 300)
    say(client.getsockname()[1], child)
    sys.stdin.readline()
    os.waitpid(child, 0)


def sink(port, count):
    """Reads all there is on so many connections."""
    listener = socket.create_server(("0.0.0.0", port))
    say("ready")
    held = [listener.accept()[0] for _ in range(count)]
    while 0 not in (ready := select.select([0, *(sock.fileno() for sock in held)], [], [])[0]):
        for sock in held:
            if sock.fileno() in ready and not sock.recv(1 << 20):
                return


def pour(port, size, pause, *hosts):
    """Sends so much to each, at most 8 KiB at a time with a pause of so many milliseconds."""
    left = {socket.create_connection((host, port)): size for host in hosts}
    say(*(sock.getsockname()[1] for sock in left))
    held = list(left)
    for sock in held:
        sock.setblocking(False)
    while left:
        time.sleep(pause / 1000)
        for sock in select.select([], list(left), [])[1]:
            left[sock] -= sock.send(b"p" * min(left[sock], 1 << 13))
            if not left[sock]:
                del left[sock]
    say("sent")
    sys.stdin.readline()


def many(count, active):
    """So many connections within this machine, of which some move bytes every second."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, max(count + 100, HARD)))
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    child = os.fork()
    held = []
    for _ in range(count):
        if child:
            held.append(socket.create_connection(listener.getsockname()))
        else:
            held.append(listener.accept()[0])
    if child:
        say(child)
    turn = 0
    while os.getppid() != 1 and not select.select([0], [], [], 1)[0]:
        for _ in range(active):
            sock = held[turn % count]
            turn += 1
            try:
                sock.send(b"m" * 100) if child else sock.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass
    if not child:
        os._exit(0)


globals()[sys.argv[1]](*(int(a) if a.isdigit() else a for a in sys.argv[2:]))
