"""Kernel guests: Debian's kernels in QEMU, with netmon and little else inside."""


class Failure(Exception):
    """Why the matrix cannot be made, in words for whoever runs it."""
