//! What the operating system says about this process.

/// Resident memory in bytes, and how many descriptors are open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) resident: i64,
    pub(super) descriptors: i64,
}

impl Process {
    /// Reads `/proc`. What cannot be read is 0.
    pub(super) fn look() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let descriptors = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self {
            resident: resident(&status).unwrap_or_default(),
            descriptors: i64::try_from(descriptors).unwrap_or(i64::MAX),
        }
    }
}

/// The line `VmRSS:     5432 kB`.
fn resident(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<i64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    5432 kB\nThreads:\t2\n"), Some(5432 * 1024));
        assert_eq!(resident("VmRSS:\tmuch\n"), None);
        assert_eq!(resident(""), None);
    }
}
