//! Compiles `proto/` without `protoc`, and keeps the descriptor set for gRPC reflection.

use std::{env, error::Error, fs, path::PathBuf};

use protox::prost::Message;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script its output folder this way"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(
        [
            "proto/tollgate/v1/guard_service.proto",
            "proto/tollgate/v1/otp_service.proto",
            "proto/tollgate/v1/preference_service.proto",
        ],
        ["proto"],
    )?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    // The generated `Debug` would print codes and numbers: these messages get a hand-written one in `pb`.
    let mut config = tonic_prost_build::Config::new();
    config.skip_debug([
        "tollgate.v1.Recipient",
        "tollgate.v1.Passcode",
        "tollgate.v1.SendOtpRequest",
        "tollgate.v1.DeliveryFilter",
        "tollgate.v1.ReportOutcomeRequest",
        "tollgate.v1.GetPreferenceRequest",
        "tollgate.v1.SetPreferenceRequest",
        "tollgate.v1.DeletePreferenceRequest",
        "tollgate.v1.GetStandingRequest",
        "tollgate.v1.GetStandingRequest.subject",
        "tollgate.v1.Target",
        "tollgate.v1.Target.target",
    ]);
    services().compile_fds_with_config(descriptors, config)?;
    // What plugins offer is no service of ours, so reflection must not know it.
    let plugins = "proto/tollgate/channel/v1/channel_plugin.proto";
    let plugins = protox::compile([plugins], ["proto"])?;
    let mut config = tonic_prost_build::Config::new();
    config.skip_debug([
        "tollgate.channel.v1.Recipient",
        "tollgate.channel.v1.SendRequest",
    ]);
    services().compile_fds_with_config(plugins, config)?;
    Ok(())
}

fn services() -> tonic_prost_build::Builder {
    tonic_prost_build::configure().codec_path("crate::pb::SmallCodec")
}
