//! Looking libc's functions up.

use std::ffi::{CStr, c_void};

/// The next function of this name after ours: libc's, or that of another preloaded library. `None`: this libc does not have it.
pub fn next(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name is a C string; looking a symbol up has no other condition.
    let symbol = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    (!symbol.is_null()).then_some(symbol)
}

/// Defines a function for each of libc's, which returns libc's; `$find` looks it up when it is first wanted.
macro_rules! libc_functions {
    ($find:path; $($name:ident($($arg:ty),* $(,)?) -> $result:ty;)*) => {$(
        #[doc = concat!("libc's `", stringify!($name), "`.")]
        #[inline]
        pub fn $name() -> unsafe extern "C" fn($($arg),*) -> $result {
            static FOUND: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
            const NAME: &CStr = match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => c"",
            };
            let known = FOUND.load(Ordering::Relaxed);
            let symbol = if known.is_null() { $find(NAME, &FOUND) } else { known };
            // SAFETY: the symbol is libc's function of that name, whose type this is. (Where libc declares `...`, x86-64 and
            // AArch64 pass the argument as they pass a declared one.)
            unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($arg),*) -> $result>(symbol) }
        }
    )*};
}
pub(super) use libc_functions;
