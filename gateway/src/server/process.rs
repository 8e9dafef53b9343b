//! Before accept: what the process asks of the system.

use std::io;

use rlimit::Resource;

/// What the system granted.
#[derive(Debug)]
pub struct ProcessLimits {
    /// How many files and sockets may be open at the same time.
    pub open_files_max: io::Result<u64>,
    /// Whether core dumps could be switched off. They would hold codes, numbers
    /// and keys in plain.
    pub core_dumps_off: io::Result<()>,
}

/// Raises the limit on open files as far as the system allows and switches core
/// dumps off. Called once, before anything secret is read.
pub fn prepare_process() -> ProcessLimits {
    ProcessLimits {
        open_files_max: rlimit::increase_nofile_limit(u64::MAX),
        core_dumps_off: Resource::CORE.set(0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_raised_to_the_hard_limit_and_core_dumps_are_off() {
        let limits = prepare_process();

        let (soft, hard) = Resource::NOFILE.get().unwrap();
        assert_eq!(soft, hard);
        assert_eq!(limits.open_files_max.unwrap(), soft);
        limits.core_dumps_off.unwrap();
        assert_eq!(Resource::CORE.get().unwrap(), (0, 0));
    }
}
