//! What a figure was measured on, without which it says nothing.

use std::fs::read_to_string;
use std::path::Path;

/// A line about the machine, and warnings where figures of it mean nothing.
pub fn describe(directory: &Path) -> String {
    let filesystem = filesystem(directory);
    let mut text = format!(
        "machine: {}, {} cores, Linux {}, stores on {filesystem}, {} build, load before {}\n",
        processor().unwrap_or_else(|| "unknown processor".to_owned()),
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        first_word("/proc/sys/kernel/osrelease"),
        if cfg!(debug_assertions) { "debug" } else { "release" },
        first_word("/proc/loadavg"),
    );
    if cfg!(debug_assertions) {
        text += "warning: a debug build; its figures mean nothing (cargo build --release)\n";
    }
    if ["tmpfs", "ramfs"].contains(&filesystem.as_str()) {
        text += "warning: the stores are in memory, where a sync costs nothing; name a disk by --directory\n";
    }
    text
}

fn processor() -> Option<String> {
    let text = read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_word(path: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// The type of the file system that a directory is on: of the longest mount point
/// above it.
fn filesystem(directory: &Path) -> String {
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let mounts = read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        Some((words.next()?, words.next()?))
    });
    let above = mounts.filter(|(point, _)| directory.starts_with(point));
    above
        .max_by_key(|(point, _)| point.len())
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_and_its_file_system_are_named() {
        let text = describe(Path::new("/proc"));
        assert!(text.contains("stores on proc,"), "{text}");
        assert!(text.starts_with("machine: "), "{text}");
        assert_eq!(text.contains("warning: a debug build"), cfg!(debug_assertions));
    }
}
