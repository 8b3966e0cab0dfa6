//! The one build script of the workspace. `crates/api` and `crates/bpf` both name it as theirs;
//! each switches on the step it needs by a default feature, so that neither pays for the other's
//! tools: the client builds without clang, the BPF crate without the protobuf compiler.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=../../build.rs");
    #[cfg(feature = "proto")]
    proto::generate()?;
    #[cfg(feature = "skeleton")]
    skeleton::generate()?;
    Ok(())
}

/// `proto/netmon/v1/*.proto` -> messages, client, server trait and the reflection descriptor.
#[cfg(feature = "proto")]
mod proto {
    use std::error::Error;
    use std::path::PathBuf;

    use prost::Message;

    const ROOT: &str = "../../proto";
    const SERVICE: &str = "netmon/v1/service.proto";

    pub fn generate() -> Result<(), Box<dyn Error>> {
        // The code generator prints no rerun lines when it is handed a compiled descriptor.
        println!("cargo::rerun-if-changed={ROOT}");
        let descriptors = protox::compile([SERVICE], [ROOT])?;
        let out = PathBuf::from(std::env::var("OUT_DIR")?);
        std::fs::write(
            out.join("netmon.v1.descriptor.bin"),
            descriptors.encode_to_vec(),
        )?;
        tonic_prost_build::configure()
            .server_mod_attribute("netmon.v1", "#[cfg(feature = \"server\")]")
            .compile_fds(descriptors)?;
        Ok(())
    }
}

/// `crates/bpf/src/bpf/{traffic,trace}.bpf.c` -> a libbpf skeleton each.
#[cfg(feature = "skeleton")]
mod skeleton {
    use std::error::Error;
    use std::path::PathBuf;

    const SOURCES: &str = "src/bpf";
    const PROGRAMS: [&str; 2] = ["traffic", "trace"];

    pub fn generate() -> Result<(), Box<dyn Error>> {
        println!("cargo::rerun-if-changed={SOURCES}");
        let out = PathBuf::from(std::env::var("OUT_DIR")?);
        let arch = match std::env::var("CARGO_CFG_TARGET_ARCH")?.as_str() {
            "x86_64" => "x86",
            "aarch64" => "arm64",
            other => {
                return Err(
                    format!("no BPF register layout for {other}: add it to kernel.h").into(),
                )
            }
        };
        let mut arguments = vec![
            format!("-D__TARGET_ARCH_{arch}"),
            "-Wall".to_owned(),
            "-Werror".to_owned(),
            "-mcpu=v3".to_owned(),
        ];
        if cfg!(feature = "next-layout") {
            arguments.push("-DNEXT_LAYOUT".to_owned());
        }
        for name in PROGRAMS {
            libbpf_cargo::SkeletonBuilder::new()
                .source(format!("{SOURCES}/{name}.bpf.c"))
                .clang_args(arguments.clone())
                .obj(out.join(format!("{name}.bpf.o")))
                .reference_obj(true)
                .build_and_generate(out.join(format!("{name}.skel.rs")))?;
        }
        Ok(())
    }
}
