//! The agent: counts the network traffic of every process and serves it over a Unix socket.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use netmon_bpf::traffic::MapLimits;
use netmon_bpf::traffic::Options;
use netmon_bpf::traffic::Probe;
use netmon_bpf::traffic::CLOSED_BYTES;
use tokio::signal::unix::signal;
use tokio::signal::unix::SignalKind;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use netmon_agent::check;
use netmon_agent::collector::Collected;
use netmon_agent::config::Config;
use netmon_agent::config::LogFormat;
use netmon_agent::connections::Limits;
use netmon_agent::failure::Failure;
use netmon_agent::hub::Hub;
use netmon_agent::interest::Interest;
use netmon_agent::ledger::Ledger;
use netmon_agent::past;
use netmon_agent::server;
use netmon_agent::service::Service;
use netmon_agent::socket;
use netmon_agent::socket::Access;
use netmon_agent::source::Purpose;
use netmon_agent::source::Source;
use netmon_agent::status::About;
use netmon_agent::trace::Tracing;

/// Viewers get this long to end when the agent is told to.
const GRACE: Duration = Duration::from_millis(1500);
/// Readings that may wait for a busy agent; more would only be older.
const READINGS: usize = 2;

fn main() -> ExitCode {
    let config = Config::parse();
    log(&config);
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => Failure::from(&error).report(),
    }
}

fn log(config: &Config) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(config.log_level)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // The journal has its own clock.
    let in_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    match (config.log_format, in_journal) {
        (LogFormat::Json, _) => builder.json().init(),
        (LogFormat::Text, true) => builder.without_time().init(),
        (LogFormat::Text, false) => builder.init(),
    }
}

fn run(config: &Config) -> anyhow::Result<()> {
    if config.unpin {
        return Ok(Probe::unpin(&config.pin_dir)?);
    }
    let options = Options {
        directory: config.pin_dir.clone(),
        hooks: config.hooks.0,
        limits: MapLimits {
            processes: config.max_processes,
            connections: config.max_connections,
            closed_bytes: CLOSED_BYTES,
        },
        fresh: config.fresh,
    };
    if config.check {
        return check::check(options);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let outcome = runtime.block_on(serve(config, &options));
    // A viewer that does not end in time does not keep the agent.
    runtime.shutdown_background();
    outcome
}

async fn serve(config: &Config, options: &Options) -> anyhow::Result<()> {
    let access = Access {
        group: config.socket_group.clone(),
        mode: config.socket_mode,
    };
    let mut term = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut int = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    // Before anything is pinned: an agent that cannot serve must not leave programs behind.
    socket::free(&config.socket).await?;
    let source = Source::start(config, options)?;
    let ground = source.ground();
    let past = past::open(config, &ground)?;
    tracing::info!(
        hooks = %ground.hook_set,
        restarts = ground.handover.restarts,
        pins = %ground.directory.display(),
        "counting"
    );
    let pins = source.pins().filter(|_| !config.no_trace);
    let tracing = Arc::new(Tracing::new(pins));
    let about = About::new(ground, config.tick, config.max_exited as usize);
    let about = Arc::new(about.keeping(config.state_directory(), past.problem));
    let interest = Arc::new(Interest::default());
    let history = Arc::new(past.history);
    let (ticking, first) = source.begin(Purpose {
        tick: config.tick,
        interest: Arc::clone(&interest),
        history: Arc::clone(&history),
        last_seq: past.last_seq,
    })?;
    let limits = Limits {
        open: config.max_connections as usize,
        closed: config.max_closed as usize,
        ..Limits::default()
    };
    let mut ledger = Ledger::keeping(config.max_exited as usize, limits);
    ledger.resume(&past.known, past.totals);
    let hub = Arc::new(Hub::new(ledger, history, interest));
    let mut gap = past.gap;
    for collected in first {
        hub.take_after(collected, gap.take());
    }
    let (listener, _socket) = socket::listen(&config.socket, &access).await?;

    let (readings, mut collected) = mpsc::channel::<Collected>(READINGS);
    let (stop_collector, stopped) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("collector".to_owned())
        .spawn({
            let hub = Arc::clone(&hub);
            move || ticking.run(&readings, &stopped, &hub)
        })
        .context("start the collector")?;
    let taking = tokio::spawn({
        let hub = Arc::clone(&hub);
        async move {
            while let Some(collected) = collected.recv().await {
                hub.take(collected);
            }
        }
    });

    let stopping = CancellationToken::new();
    let service = Service::new(hub, about, tracing, stopping.clone());
    let mut serving = tokio::spawn(server::serve(
        listener,
        service,
        stopping.clone().cancelled_owned(),
    ));
    tracing::info!(socket = %config.socket.display(), "serving");
    // Not under systemd: nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tokio::select! {
        _ = term.recv() => tracing::info!("SIGTERM: stopping; the kernel goes on counting"),
        _ = int.recv() => tracing::info!("SIGINT: stopping; the kernel goes on counting"),
        ended = &mut serving => {
            ended.context("serve")??;
            anyhow::bail!("the server has ended");
        }
        _ = taking => anyhow::bail!("the collector has ended; see the log above"),
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    stopping.cancel();
    if tokio::time::timeout(GRACE, serving).await.is_err() {
        tracing::warn!("some viewers do not read their end; leaving them");
    }
    drop(stop_collector);
    // At most one tick's work away from its end.
    if thread.join().is_err() {
        tracing::error!("the collector has panicked");
    }
    Ok(())
}
