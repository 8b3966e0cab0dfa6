//! scratch
#![deny(unsafe_code)]
#![allow(dead_code, missing_docs)]
mod args; mod failure; mod filter; mod log; mod manual; mod outcome; mod output; mod processes; mod rate; mod row; mod session; mod status; mod target; mod tell; mod text; mod units; mod watch;
mod selftest;
use clap::Parser;
use args::Cli;
#[derive(Parser)]
struct C { #[command(flatten)] g: args::global::GlobalArgs, #[command(subcommand)] c: S }
#[derive(clap::Subcommand)]
enum S { Selftest(selftest::SelftestArgs), SelftestPeer(selftest::PeerArgs) }
fn main() -> std::process::ExitCode {
    let _ = std::marker::PhantomData::<Cli>;
    let c = C::parse();
    match c.c {
        S::SelftestPeer(a) => selftest::peer(&a).into(),
        S::Selftest(a) => {
            let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            match rt.block_on(selftest::run(&a, &c.g)) { Ok(c) => c.exit_code().into(), Err(e) => { eprintln!("netmon: {e}"); e.exit_code().into() } }
        }
    }
}
