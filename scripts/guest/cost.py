"""What counting costs the sender of a datagram, in instructions: the same on every machine.

The emulator's clock counts instructions here, one a nanosecond, so what a test measures as time are
instructions, those of the kernel included."""

import re

from guest import image, machine
from guest.cells import refusal

# The most it may cost over an empty program at the same hook.
LIMIT = 360
TEST = "traffic::cost_tests::what_a_send_costs"
FIGURE = re.compile(r"COST (\w+) (\w+) (\d+)$", re.MULTILINE)
JOB = """
mount -t ext4 /dev/vda /mnt
for name in proc sys dev run tmp; do mount -o rbind /$name /mnt/$name; done
section cost chroot /mnt env NETMON_TEST_HOOKS=SET PATH=/usr/sbin:/usr/bin \
    /tests/bpf --ignored --exact --nocapture TEST
"""


def measure(kernel, parts, disk, hooks, limit, console):
    """Instructions for one send of 64 bytes by what was there, as {"none": n, "empty": n, "counting": n};
    or why there are none."""
    script = JOB.replace("SET", hooks).replace("TEST", TEST)
    outcome = machine.boot(kernel, [*parts, image.job(script)], disk, limit, console,
                           machine.Emulation.COUNTED)
    section = outcome.sections.get("cost")
    if section is None or section.code is None:
        return None, "it did not end in time"
    figures = {name: int(value) for _, name, value in FIGURE.findall(section.text)}
    if figures and section.code == 0:
        return figures, None
    return None, refusal({"agent": section}) or section.text.strip()[-200:]


def report(measured):
    """The table of [(kernel, hooks, figures, reason)], and how many are over the limit."""
    text = f"\n{'64-BYTE UDP SEND':<20}{'NO PROGRAM':>11}{'EMPTY':>8}{'COUNTING':>10}{'COSTS':>7}\n"
    over = 0
    for kernel, hooks, figures, reason in measured:
        if figures is None:
            text += f"{kernel + ' ' + hooks:<20}{reason}\n"
            continue
        none, empty, counting = (figures.get(name) for name in ("none", "empty", "counting"))
        # Without a classic hook there is no empty program to compare with.
        costs = counting - (empty if empty is not None else none)
        excess = empty is not None and costs > LIMIT
        over += excess
        shown = "-" if empty is None else empty
        text += (f"{kernel + ' ' + hooks:<20}{none:>11}{shown:>8}{counting:>10}"
                 f"{costs:>7}{'!' if excess else ''}\n")
    return text + f"instructions; {over} cost more than {LIMIT} over the empty program\n", over
