//! What the allocator keeps of memory that is not used any more. An agent stands for months: it is
//! to be as small after a question or a start as before.

/// Memory is taken from one place by all threads, and large blocks go back to the system when they
/// are freed: what a thread's own arena has grown to is never returned, and by default the limit of
/// what is large rises with the first large block that is freed. This program has no need for speed
/// there.
pub fn keep_small() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt takes two integers and changes only where later allocations come from.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 256 << 10);
    }
}

/// Gives back what is free, also between what is in use. Takes about a millisecond for ten
/// megabytes; other threads wait for it when they need memory.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim has no preconditions; it takes the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
