//! What the numbers were measured on: without it they mean nothing.

use std::{fs, path::Path};

/// CPU, cores, memory, kernel, file system, and how busy the machine was.
pub(crate) fn describe(dir: &Path) -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kib: u64 = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").trim().parse().ok())
        .unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{cpu}, {cores} cores, {:.1} GiB, Linux {kernel}, {} for the ledger; load {load} at the start",
        kib as f64 / f64::from(1 << 20),
        file_system(dir),
    )
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// The value of the first line `NAME : VALUE` of a file.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Kind of the file system with the longest mount point above `dir`.
fn file_system(dir: &Path) -> String {
    let mounts = read("/proc/mounts");
    let above = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        dir.starts_with(point).then_some((point.len(), kind))
    });
    above.max_by_key(|(length, _)| *length).map_or("unknown file system", |(_, kind)| kind).to_owned()
}
