//! Where paths lead once symbolic links are followed. Asked of the disk, past the path hook: the answers say what the hook maps.

use std::path::{Component, Path, PathBuf};

use crate::runtime::past_the_hook;

/// So many symbolic links lead to one path at most, as on Linux (path_resolution(7)).
pub(super) const LINKS: usize = 40;

/// Where an absolute path leads once all links are followed. What is not there yet is taken as it is written. `None`: nowhere.
pub(super) fn followed(path: &Path) -> Option<PathBuf> {
    let mut links = LINKS;
    past_the_hook(|| follow(path, &mut links))
}

fn follow(path: &Path, links: &mut usize) -> Option<PathBuf> {
    let mut at = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::ParentDir => drop(at.pop()),
            Component::Normal(name) => match at.join(name).read_link() {
                Ok(goal) => {
                    *links = links.checked_sub(1)?;
                    at = follow(&at.join(goal), links)?;
                }
                Err(_) => at.push(name),
            },
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    Some(at)
}
