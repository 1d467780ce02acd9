//! The C library's version, which only it knows.
#![allow(unsafe_code)]

#[cfg(target_env = "gnu")]
pub(super) fn libc_version() -> String {
    // SAFETY: it takes nothing and returns a constant string of the C library.
    let version = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    format!("glibc {}", version.to_string_lossy())
}

#[cfg(not(target_env = "gnu"))]
pub(super) fn libc_version() -> String {
    "another libc than glibc".into()
}
