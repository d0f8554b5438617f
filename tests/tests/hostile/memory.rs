//! How much memory the daemon holds: what is its own and was written to (`Private_Dirty` of `smaps_rollup`). Code and other
//! files that it maps are no part of it: the kernel takes them back when it wants. An allocator gives back late, and the slots of
//! plugins keep a little for the next one; so it is looked at until it has settled.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// What a case may leave behind.
pub(super) const LEFT_KIB: u64 = 5 << 10;

/// No longer than this is waited for what is to be given back.
const SETTLING: Duration = Duration::from_secs(10);

pub(super) fn held_kib(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Private_Dirty:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What is held once no more than `before` and [`LEFT_KIB`] is, or when that has taken too long.
pub(super) fn settled_kib(pid: u32, before: u64) -> u64 {
    let end = Instant::now() + SETTLING;
    loop {
        let held = held_kib(pid);
        if held <= before + LEFT_KIB || Instant::now() > end {
            return held;
        }
        thread::sleep(Duration::from_millis(50));
    }
}
