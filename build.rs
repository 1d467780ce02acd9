//! Gives the hook's functions their libc names, in the shared library only.
//!
//! A jump named `open` leads to `lf_open`; the version script exports it beside the names that rustc exports.
//! (`#[no_mangle]` would put `open` into every program that links this crate, the command and the tests among them. `--defsym`
//! would do without the jump, but zig's linker, which makes the wheel for older systems, does not have it.)

use std::env;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<()> {
    let (list, variadic) = ("src/hook/exports.txt", "src/hook/raw/exec.c");
    println!("cargo:rerun-if-changed={list}");
    println!("cargo:rerun-if-changed={variadic}");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let (jumps, script) = (out.join("exports.s"), out.join("exports.map"));
    let exports = std::fs::read_to_string(list)?;
    let exports: Vec<(&str, &str)> = exports.lines().filter_map(|line| line.split_once(' ')).collect();
    std::fs::write(&jumps, jumps_to(&exports)?)?;
    std::fs::write(&script, version_script(&exports))?;

    cc::Build::new().file(variadic).warnings(true).compile("liteflare_exec");
    for object in cc::Build::new().file(jumps).compile_intermediates() {
        println!("cargo:rustc-cdylib-link-arg={}", object.display());
    }
    println!("cargo:rustc-cdylib-link-arg=-Wl,--version-script={}", script.display());
    // Some dependencies have C functions of their own (crc-fast), which rustc exports: they are no business of the process that
    // loads us. (zig, by way of cargo-zigbuild, has no such option. It goes by the last version script alone: ours.)
    let linker = env::var("RUSTC_LINKER").unwrap_or_default();
    if !linker.contains("zigcc") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
        use_lld();
    }
    Ok(())
}

/// GNU's linker refuses a second version script. rustc brings LLD, and takes it by itself on x86-64; elsewhere it must be told to.
fn use_lld() {
    println!("cargo:rustc-cdylib-link-arg=-fuse-ld=lld");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot =
        Command::new(rustc).args(["--print", "sysroot"]).output().map(|output| output.stdout).unwrap_or_default();
    let host = env::var("HOST").unwrap_or_default();
    let lld = Path::new(String::from_utf8_lossy(&sysroot).trim()).join("lib/rustlib").join(host).join("bin/gcc-ld");
    if lld.is_dir() {
        println!("cargo:rustc-cdylib-link-arg=-B{}", lld.display());
    }
}

fn jumps_to(exports: &[(&str, &str)]) -> Result<String> {
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let jump = match architecture.as_str() {
        "x86_64" => "jmp",
        "aarch64" => "b",
        other => return Err(Error::other(format!("{other}: its jump instruction must be added to build.rs"))),
    };
    let jumps = exports.iter().map(|(libc_name, own_name)| {
        format!(
            "\t.globl {libc_name}\n\t.type {libc_name}, %function\n{libc_name}:\n\t{jump} {own_name}\n\t.size {libc_name}, . - {libc_name}\n"
        )
    });
    Ok(format!("\t.text\n{}\t.section .note.GNU-stack, \"\", %progbits\n", jumps.collect::<String>()))
}

fn version_script(exports: &[(&str, &str)]) -> String {
    let names: String = exports.iter().map(|(libc_name, _)| format!("  {libc_name};\n")).collect();
    format!("{{ global:\n  sqlite3_liteflare_init;\n{names}local: *;\n}};\n")
}
