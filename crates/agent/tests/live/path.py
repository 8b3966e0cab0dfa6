"""A path between two network namespaces that delays every packet and drops every n-th large one
towards the second. Ends when its input does."""
import contextlib
import ctypes
import fcntl
import heapq
import os
import select
import struct
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
# Larger than any acknowledgement.
LARGE = 500


def device(namespace):
    """The file stays with the namespace it was made in."""
    with open(f"/run/netns/{namespace}") as there:
        if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"slow0", IFF_TUN_NO_PI))
    return tun


def forward(first, second, delay, every):
    waiting, count, large = [], 0, 0
    poll = select.poll()
    for file in (first, second, 0):
        poll.register(file, select.POLLIN)
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, out, packet = heapq.heappop(waiting)
            # The other end may not be up yet.
            with contextlib.suppress(OSError):
                os.write(out, packet)
        left = (waiting[0][0] - now) * 1000 if waiting else 1000
        for file, _ in poll.poll(max(left, 0)):
            if file == 0:
                return
            packet = os.read(file, 65536)
            if file == first and len(packet) > LARGE:
                large += 1
                if large % every == 0:
                    continue
            count += 1
            out = second if file == first else first
            heapq.heappush(waiting, (time.monotonic() + delay, count, out, packet))


ends = [device(name) for name in sys.argv[1:3]]
print("ready", flush=True)
forward(*ends, int(sys.argv[3]) / 1000, int(sys.argv[4]))
