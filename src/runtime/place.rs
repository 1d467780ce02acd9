//! Where a process runs, so that another one can tell that it has ended: a process that is killed takes no leave.

use std::fs;
use std::sync::OnceLock;

/// This process's place: its number, when it started, and the machine's boot with the namespace in which the number counts.
pub(crate) fn own() -> String {
    let pid = std::process::id(); // asked each time: a fork has another
    format!("{pid} {} {}", started(pid).unwrap_or_default(), machine())
}

/// Whether a process has certainly ended: one of this machine. Of others nothing is known.
pub(crate) fn has_ended(place: &str) -> bool {
    let mut words = place.splitn(3, ' ');
    let (Some(pid), Some(began), Some(there)) = (words.next(), words.next(), words.next()) else { return false };
    let Ok(pid) = pid.parse() else { return false };
    !began.is_empty() && !there.is_empty() && there == machine() && started(pid).as_deref() != Some(began)
}

fn machine() -> &'static str {
    static MACHINE: OnceLock<String> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let numbers = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        format!("{} {}", boot.trim(), numbers.display()).trim().to_owned()
    })
}

/// When a process started, in ticks of the machine's clock. `None`: there is none, or only what is left of it until its parent asks.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so the fields are counted after it: the state is the third, the start the 22nd.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    (!["Z", "X"].contains(&state)).then_some(())?;
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_this_machine_is_known_to_have_ended() {
        let own = own();
        assert!(!has_ended(&own), "{own}");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let place = format!("{} {} {}", child.id(), started(child.id()).unwrap(), machine());
        assert!(!has_ended(&place), "{place}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(has_ended(&place));
        let later = format!("{} 1{} {}", std::process::id(), started(std::process::id()).unwrap(), machine());
        assert!(has_ended(&later), "another process had this number");
        for unknown in ["", "1", "1 2", "1  ", "x 1 y", "4000000000 7 another machine"] {
            assert!(!has_ended(unknown), "{unknown:?}");
        }
    }
}
