//! What the system says about a running process. (Linux only.)

use std::fs;

/// A process, with its children.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    id: u32,
}

impl Process {
    /// The process with this id.
    pub fn new(id: u32) -> Self {
        Self { id }
    }

    /// The processor time that it has used, in microseconds: its own, and that of its children.
    pub fn cpu_microseconds(self) -> u64 {
        // What children that ended have used is counted as their parent's once it has waited for them.
        let ticks = ticks(self.id, 4) + self.children().map(|child| ticks(child, 2)).sum::<u64>();
        ticks * 1_000_000 / rustix::param::clock_ticks_per_second()
    }

    /// The memory that is resident now, in bytes; `None` if it has ended.
    pub fn memory(self) -> Option<u64> {
        self.status("VmRSS:")
    }

    /// The most memory that was resident at once, in bytes; `None` if it has ended.
    pub fn peak_memory(self) -> Option<u64> {
        self.status("VmHWM:")
    }

    fn status(self, label: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).ok()?;
        // A process that has ended and was not asked for its exit code has no memory and no such line.
        let line = status.lines().find_map(|line| line.strip_prefix(label))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }

    fn children(self) -> impl Iterator<Item = u32> {
        let list = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.id)).unwrap_or_default();
        list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>().into_iter()
    }
}

/// User and system time of a process, in ticks of the clock, and with four fields also those of the children that it waited for;
/// see proc_pid_stat(5).
fn ticks(id: u32, fields: usize) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The program's name may hold spaces; it ends with the last parenthesis. User time is field 14, system time 15.
    let stated = stat.rsplit_once(')').map_or("", |(_, stated)| stated);
    stated.split_whitespace().skip(11).take(fields).filter_map(|field| field.parse::<u64>().ok()).sum()
}
