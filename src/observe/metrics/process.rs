//! What the kernel says about this process, under the names that every Prometheus dashboard knows.

/// Values of `/proc/self`; a field is `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessMetrics {
    /// User and system time in seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
}

impl ProcessMetrics {
    /// Reads them now.
    pub fn read() -> ProcessMetrics {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        ProcessMetrics {
            cpu_seconds: cpu_seconds(&stat),
            resident_bytes: field(&status, "VmRSS:").map(|kib| kib * 1024),
            open_fds: std::fs::read_dir("/proc/self/fd")
                .ok()
                .map(|dir| dir.count() as u64),
            threads: field(&status, "Threads:"),
        }
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Fields 14 and 15 of proc(5) `stat`, in ticks of 1/100 s (USER_HZ, fixed for user space on Linux).
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The command name in parentheses may hold anything, so count from the last parenthesis: field 3 follows it.
    let after_name = stat.get(stat.rfind(')')? + 1..)?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_an_odd_command_name() {
        let stat = "7 (a) b) S 1 1 1 0 -1 0 1 2 3 4 250 50 0 0 20 0 1 0 9 9 9";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("garbage"), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(field("Name:\tx\nVmRSS:\t    2 kB\n", "VmRSS:"), Some(2));
        assert_eq!(field("", "VmRSS:"), None);
    }
}
