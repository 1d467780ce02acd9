//! Whether the path hook stands in front of libc in this process: a library that Python has loaded by itself serves databases, but the
//! application's `open` goes past it.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::config::{self, SettingError};

/// Refuses a process whose database would be on D1 and whose files would stay on the disk: it was switched on by `LITEFLARE` and has a
/// bucket, and its files do not come through the path hook.
pub(super) fn check() -> Result<(), SettingError> {
    // A process that loads the extension by itself, without the switch, has said what it wants.
    if !config::is_on()? {
        return Ok(());
    }
    let Some(own) = library(check as *const c_void) else { return Ok(()) };
    // SAFETY: the name is a C string; a symbol that is there is never taken away.
    let open = library(unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"open64".as_ptr()) });
    if open.as_ref() == Some(&own) || !config::has_bucket()? {
        return Ok(());
    }
    Err(SettingError::NotPreloaded { library: own })
}

/// The file of the library, or program, that an address is in.
fn library(address: *const c_void) -> Option<PathBuf> {
    // SAFETY: all zeros are a `Dl_info`, which `dladdr` fills in; it looks at no more than the address itself.
    let found = unsafe {
        let mut found: libc::Dl_info = std::mem::zeroed();
        (libc::dladdr(address, &mut found) != 0).then_some(found)
    }?;
    if found.dli_fname.is_null() {
        return None;
    }
    // SAFETY: a C string that lives as long as the library is loaded, which is for ever.
    let name = unsafe { CStr::from_ptr(found.dli_fname) };
    Some(OsStr::from_bytes(name.to_bytes()).into())
}
