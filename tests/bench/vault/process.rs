//! What the system says about a running process. (Linux only.)

use std::fs;

/// A process, with its children.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    id: u32,
}

impl Process {
    pub(crate) fn new(id: u32) -> Self {
        Self { id }
    }

    /// The processor time that it has used, in microseconds: its own, and that of children that still run.
    pub(crate) fn cpu_microseconds(self) -> u64 {
        let ticks: u64 = std::iter::once(self.id).chain(self.children()).map(ticks).sum();
        ticks * 1_000_000 / rustix::param::clock_ticks_per_second()
    }

    /// The memory that is resident now, in bytes.
    pub(crate) fn memory(self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory that was resident at once, in bytes.
    pub(crate) fn peak_memory(self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(self, label: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).expect("a running process");
        let line = status.lines().find_map(|line| line.strip_prefix(label)).expect("a line about its memory");
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number of kB");
        kibibytes * 1024
    }

    fn children(self) -> impl Iterator<Item = u32> {
        let list = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.id)).unwrap_or_default();
        list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>().into_iter()
    }
}

/// User and system time of a process, in ticks of the clock; see proc_pid_stat(5).
fn ticks(id: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The program's name may hold spaces; it ends with the last parenthesis. User time is field 14, system time 15.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}
