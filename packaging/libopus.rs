//! Compiles libopus with the C compiler alone.
//!
//! The crate `opusic-sys` carries libopus' sources but builds them with cmake, which a bare machine
//! does not have. So it is taken without its `bundled` feature, as plain bindings that ask the linker
//! for `-lopus`, and the library is made here from the sources in its own package: same version, same
//! checksum in `Cargo.lock`, nothing copied into this repository.
//!
//! ```text
//!   cargo metadata ─▶ where opusic-sys lies ─▶ opus/*_sources.mk name the files ─▶ cc ─▶ libopus.a
//! ```
//!
//! On x86-64 libopus chooses between SSE2, SSE4.1 and AVX2 when it runs, as its own build does; other
//! processors get its portable C. Floating point; with the neural concealment of losses (deep PLC, 1.5 MB,
//! docs/decisions/0009), without the other neural extras (DRED, OSCE).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lists in the `.mk` files that every processor needs.
const PORTABLE: [(&str, &str); 6] = [
    ("opus_sources.mk", "OPUS_SOURCES"),
    ("opus_sources.mk", "OPUS_SOURCES_FLOAT"),
    ("celt_sources.mk", "CELT_SOURCES"),
    ("silk_sources.mk", "SILK_SOURCES"),
    ("silk_sources.mk", "SILK_SOURCES_FLOAT"),
    ("lpcnet_sources.mk", "DEEP_PLC_SOURCES"),
];

/// What else x86-64 needs: the list, and the flags with which its files are compiled.
const X86_64: [(&str, &str, &[&str]); 13] = [
    ("celt_sources.mk", "CELT_SOURCES_X86_RTCD", &[]),
    ("silk_sources.mk", "SILK_SOURCES_X86_RTCD", &[]),
    ("celt_sources.mk", "CELT_SOURCES_SSE", &[]),
    ("celt_sources.mk", "CELT_SOURCES_SSE2", &[]),
    ("celt_sources.mk", "CELT_SOURCES_SSE4_1", &["-msse4.1"]),
    ("silk_sources.mk", "SILK_SOURCES_SSE4_1", &["-msse4.1"]),
    ("celt_sources.mk", "CELT_SOURCES_AVX2", &["-mavx", "-mfma", "-mavx2"]),
    ("silk_sources.mk", "SILK_SOURCES_AVX2", &["-mavx", "-mfma", "-mavx2"]),
    ("silk_sources.mk", "SILK_SOURCES_FLOAT_AVX2", &["-mavx", "-mfma", "-mavx2"]),
    ("lpcnet_sources.mk", "DNN_SOURCES_X86_RTCD", &[]),
    ("lpcnet_sources.mk", "DNN_SOURCES_SSE2", &[]),
    ("lpcnet_sources.mk", "DNN_SOURCES_SSE4_1", &["-msse4.1"]),
    ("lpcnet_sources.mk", "DNN_SOURCES_AVX2", &["-mavx", "-mfma", "-mavx2"]),
];

/// Makes the library, and tells the linker where it lies.
pub fn compile_all() {
    let sources = package("opusic-sys").join("opus");
    let x86_64 = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64");
    let mut objects = Vec::new();
    for (list, name) in PORTABLE {
        objects.extend(compile(&sources, x86_64, &files(&sources, list, name), &[]));
    }
    for (list, name, flags) in X86_64.into_iter().filter(|_| x86_64) {
        objects.extend(compile(&sources, x86_64, &files(&sources, list, name), flags));
    }
    let mut library = cc::Build::new();
    // The bindings name the library to the linker; only its place is to be said here.
    library.cargo_metadata(false).objects(objects).compile("opus");
    let out = env::var("OUT_DIR").expect("cargo names the output folder");
    println!("cargo:rustc-link-search=native={out}");
}

/// The folder of one of the packages that Cargo.lock names.
fn package(name: &str) -> PathBuf {
    let cargo = env::var_os("CARGO").expect("cargo names itself to build scripts");
    let target = env::var("TARGET").expect("cargo names the target");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--filter-platform", &target])
        .output()
        .expect("cargo can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {error}");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let found = packages.iter().find(|package| package["name"] == name);
    let manifest = found.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.unwrap_or_else(|| panic!("Cargo.lock lacks {name}"));
    Path::new(manifest).parent().expect("a manifest lies in a folder").to_owned()
}

/// The files of `NAME = \` and its continued lines.
fn files(sources: &Path, list: &str, name: &str) -> Vec<PathBuf> {
    let path = sources.join(list);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let text = text.replace("\\\n", " ");
    let line = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == name).then(|| value.to_owned())
    });
    let line = line.unwrap_or_else(|| panic!("{} lacks {name}", path.display()));
    line.split_whitespace().map(|file| sources.join(file)).collect()
}

fn compile(sources: &Path, x86_64: bool, files: &[PathBuf], flags: &[&str]) -> Vec<PathBuf> {
    let mut build = cc::Build::new();
    // Fast in every profile: at the exchange's own level of a debug build, a call would cost ten.
    build.cargo_metadata(false).warnings(false).opt_level(3).debug(false).files(files);
    for folder in ["include", "celt", "silk", "silk/float", "dnn", "."] {
        build.include(sources.join(folder));
    }
    let defines = ["OPUS_BUILD", "VAR_ARRAYS", "HAVE_LRINT", "HAVE_LRINTF", "ENABLE_HARDENING"];
    for define in defines.into_iter().chain(["DISABLE_DEBUG_FLOAT", "ENABLE_DEEP_PLC"]) {
        build.define(define, None);
    }
    build.define("PACKAGE_VERSION", "\"bundled\"").define("_FORTIFY_SOURCE", "2");
    build.flag_if_supported("-fstack-protector-strong");
    if x86_64 {
        for define in [
            "OPUS_HAVE_RTCD",
            "CPU_INFO_BY_C",
            "OPUS_X86_MAY_HAVE_SSE",
            "OPUS_X86_MAY_HAVE_SSE2",
            "OPUS_X86_MAY_HAVE_SSE4_1",
            "OPUS_X86_MAY_HAVE_AVX2",
            "OPUS_X86_PRESUME_SSE",
            "OPUS_X86_PRESUME_SSE2",
        ] {
            build.define(define, None);
        }
    }
    flags.iter().for_each(|flag| {
        build.flag(flag);
    });
    build.compile_intermediates()
}
