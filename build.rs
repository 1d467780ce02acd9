//! Gives the hook's functions their libc names, in the shared library only.
//!
//! `--defsym` makes `open` another name of `lf_open`; the version script exports it beside the names that rustc exports.
//! (`#[no_mangle]` would put `open` into every program that links this crate, the command and the tests among them.)

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let list = "src/hook/exports.txt";
    println!("cargo:rerun-if-changed={list}");
    let variadic = "src/hook/raw/exec.c";
    println!("cargo:rerun-if-changed={variadic}");
    cc::Build::new().file(variadic).warnings(true).compile("liteflare_exec");
    let exports = std::fs::read_to_string(list)?;
    let mut script = String::from("{ global:\n");
    for (libc_name, own_name) in exports.lines().filter_map(|line| line.split_once(' ')) {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--defsym={libc_name}={own_name}");
        script.push_str(&format!("  {libc_name};\n"));
    }
    script.push_str("};\n");
    let path = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("exports.map");
    std::fs::write(&path, script)?;
    println!("cargo:rustc-cdylib-link-arg=-Wl,--version-script={}", path.display());
    // Some dependencies have C functions of their own (crc-fast): they are no business of the process that loads us.
    println!("cargo:rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
    Ok(())
}
