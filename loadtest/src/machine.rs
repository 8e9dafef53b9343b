//! Where the figures come from: a number without its machine says nothing.

use std::fs;

use crate::results::Machine;

/// Reads what the kernel tells; what it does not stays empty.
pub(crate) fn describe() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    Machine {
        cpu: field(&read("/proc/cpuinfo"), "model name").to_owned(),
        cores: u32::try_from(cores).unwrap_or(u32::MAX),
        memory_mib: kib(field(&read("/proc/meminfo"), "MemTotal")) / 1024,
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        load_average: read("/proc/loadavg")
            .split(' ')
            .next()
            .and_then(|of_a_minute| of_a_minute.parse().ok())
            .unwrap_or(0.0),
    }
}

/// The value of the first `name : value` line.
fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let value = |line: &'t str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    };
    text.lines().find_map(value).unwrap_or_default()
}

fn kib(text: &str) -> u64 {
    let number = text.strip_suffix(" kB").unwrap_or(text);
    number.trim().parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\nMemTotal:  2048 kB\n";
        assert_eq!(field(text, "model name"), "Some CPU @ 3 GHz");
        assert_eq!(field(text, "model"), "");
        assert_eq!(kib(field(text, "MemTotal")), 2048);
    }
}
