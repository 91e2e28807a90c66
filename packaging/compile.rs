//! What is made before the program is compiled: libopus, and the prompts that the program carries.

#![allow(clippy::disallowed_methods, reason = "a build script reads files and its environment")]

mod libopus;
mod prompts;

fn main() {
    println!("cargo:rerun-if-changed=packaging");
    println!("cargo:rerun-if-changed=Cargo.lock");
    // Of what `include_dir` takes in, a new file is noticed only by this.
    println!("cargo:rerun-if-changed=dialplan");
    println!("cargo:rerun-if-changed=sounds");
    libopus::compile_all();
    prompts::pack("sounds");
}
