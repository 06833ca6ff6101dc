//! What a running Envoy holds in memory, and its Wasm VMs apart from that.

use std::fs;
use std::path::PathBuf;

use crate::RunnerError;

/// What an Envoy holds in memory, in octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Resident memory of the whole process.
    pub resident: u64,
    /// The linear memory of each Wasm VM, in order of the addresses. Each plugin has one per worker, one that the others
    /// are cloned from, and one on the main thread.
    pub guests: Vec<GuestMemory>,
}

/// The linear memory of one Wasm VM, in octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestMemory {
    /// How far it has grown, in whole pages of Wasm. It never shrinks.
    pub committed: u64,
    /// What of it has been touched.
    pub resident: u64,
}

impl Memory {
    /// Reads it from `/proc` (Linux).
    ///
    /// V8 reserves more than 8 GB of addresses for a linear memory, and makes only its beginning accessible: a guest is a
    /// mapping that can be read and written, right in front of such a reservation (seen with Envoy 1.36 and 1.40).
    ///
    /// # Errors
    /// If the process has ended.
    pub(crate) fn of(process: u32) -> Result<Self, RunnerError> {
        let path = PathBuf::from(format!("/proc/{process}/smaps"));
        let text = fs::read_to_string(&path).map_err(RunnerError::io("reading", &path))?;
        Ok(Self::parse(&text))
    }

    fn parse(smaps: &str) -> Self {
        let mut memory = Self::default();
        let mut current: Option<Mapping> = None;
        for line in smaps.lines() {
            if let Some(next) = Mapping::parse(line) {
                if let Some(before) = &current
                    && before.is_guest(&next)
                {
                    let committed = before.end - before.start;
                    memory.guests.push(GuestMemory { committed, resident: before.resident });
                }
                current = Some(next);
            } else if let (Some(current), Some(octets)) = (&mut current, resident(line)) {
                current.resident = octets;
                memory.resident += octets;
            }
        }
        memory
    }

    /// How far all guests have grown together.
    pub fn guests_committed(&self) -> u64 {
        self.guests.iter().map(|guest| guest.committed).sum()
    }

    /// What of all guests has been touched.
    pub fn guests_resident(&self) -> u64 {
        self.guests.iter().map(|guest| guest.resident).sum()
    }
}

/// One line of addresses in `smaps`, and what follows it.
#[derive(Debug)]
struct Mapping {
    start: u64,
    end: u64,
    permissions: [u8; 4],
    resident: u64,
}

impl Mapping {
    /// `7f0402f50000-7f0403070000 rw-p 00000000 00:00 0`
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let address = |text| u64::from_str_radix(text, 16).ok();
        Some(Self {
            start: address(start)?,
            end: address(end)?,
            permissions: fields.next()?.as_bytes().try_into().ok()?,
            resident: 0,
        })
    }

    /// Whether this is the accessible part of a linear memory, whose rest is `next`.
    fn is_guest(&self, next: &Self) -> bool {
        self.permissions == *b"rw-p"
            && next.permissions == *b"---p"
            && self.end == next.start
            && next.end - self.start > RESERVED
    }
}

/// The least that V8 reserves for a linear memory of 32-bit addresses, with room for what would be beyond.
const RESERVED: u64 = 6 << 30;

/// `Rss:                  52 kB`
fn resident(line: &str) -> Option<u64> {
    let kilobytes: u64 = line.strip_prefix("Rss:")?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
721700000000-72173d800000 ---p 00000000 00:00 0
Size:            1007616 kB
Rss:                   0 kB
72173d800000-721740000000 rw-p 00000000 00:00 0
Size:              40960 kB
Rss:               37704 kB
VmFlags: rd wr mr mw me ac
7f0402f50000-7f0403070000 rw-p 00000000 00:00 0
Size:               1152 kB
Rss:                  52 kB
7f0403070000-7f0602f50000 ---p 00000000 00:00 0
Rss:                   0 kB
7f0602f50000-7f0602f60000 r--p 00000000 00:00 0 /somewhere/envoy
Rss:                   8 kB
";

    #[test]
    fn a_guest_is_what_can_be_written_in_front_of_a_reservation() {
        let memory = Memory::parse(SMAPS);
        assert_eq!(memory.resident, (37_704 + 52 + 8) * 1024);
        assert_eq!(memory.guests, [GuestMemory { committed: 1152 * 1024, resident: 52 * 1024 }]);
        assert_eq!(memory.guests_committed(), 1152 * 1024);
    }

    #[test]
    fn a_gap_in_between_makes_it_something_else() {
        let apart = SMAPS.replace("7f0403070000-7f0602f50000", "7f0403080000-7f0602f50000");
        assert_eq!(Memory::parse(&apart).guests, []);
        assert_eq!(Memory::parse(""), Memory::default());
    }
}
