//! Keeps the C functions of dependencies (crc-fast has some) to the shared library itself: they are no business of the process that
//! loads it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
}
