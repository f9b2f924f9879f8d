//! `cordboard serve`: everything put together, from the first line of the log to the last record.

use crate::centre::{CentreParts, HostCentre, HostLimits, PhoneSecrets, RolloutSteps};
use crate::clock::Clock;
use crate::config::Config;
use crate::events::Events;
use crate::grants::{GrantBook, tell_refusals};
use crate::holds::Holds;
use crate::prompts::PromptLibrary;
use crate::shadows::Shadows;
use crate::shell::{self, BoardHandle, NoteParts, Notebook, Parts, Performer, Sources, ValueParts, Writer};
use crate::start::Kept;
use crate::{first_run, logging, metrics, say, token};
use anyhow::{Context as _, Result};
use cordboard_admin::{Admin, AdminConfig};
use cordboard_core::board::{Board, Input};
use cordboard_core::ids::{DeploymentName, TenantId};
use cordboard_core::rollout::RolloutStep;
use cordboard_media::{MediaConfig, MediaPlane};
use cordboard_plugin::{Compiler, PluginConfig, PluginHost};
use cordboard_sip::{SipConfig, SipHandle, SipStack};
use cordboard_store::{Blobs, ContactKeys, Rooms, SledOptions, SledStore, Store, StoreError};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

/// Events of the signalling that may wait for the board; beyond it calls are refused before they begin.
const SIP_EVENTS: usize = 16_384;
/// Events of the media threads that may wait; beyond it they are dropped and counted.
const MEDIA_EVENTS: usize = 65_536;
/// Messages of flows that may wait; beyond it the flows do.
const FLOW_MESSAGES: usize = 16_384;
/// How long the last words may take once the limit of a graceful stop has passed.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// The keys of contacts, in the data folder and not in the store: who erases one overwrites it here.
pub const KEY_FILE: &str = "contact-keys";

/// The subcommand of the program that compiles a plugin: a host starts itself with it.
pub const COMPILE: &str = "compile-component";

/// Runs a host until it is told to stop. The program has to be one that compiles when it is started with [`COMPILE`].
///
/// # Errors
/// What keeps it from starting: in the configuration, the data folder, or an address that is taken.
pub fn run(config: Option<&Path>) -> Result<()> {
    let config = match config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    let _log = logging::start(&config.log).context("`log` is no filter")?;
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("shell").enable_all().build()?;
    let done = runtime.block_on(serve(config));
    // What still runs is nobody's business any more.
    runtime.shutdown_background();
    done
}

/// Two sockets a leg: as many files as the system lets us have. A wish; where it is refused, fewer calls fit.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(cause) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        warn!(%cause, "the limit of open files stays as it is");
    }
}

async fn serve(config: Config) -> Result<()> {
    let host = Box::pin(start(&config)).await?;
    say(&format!("sip {}", host.sip.local_addr()));
    say(&format!("admin http://{}", host.admin_address));
    if host.token.fresh {
        let kept = config.data_dir.join(token::FILE);
        say(&format!("admin-token {} (shown this once; kept in {})", host.token.token, kept.display()));
    }
    note_address(&config.data_dir, host.admin_address);
    say("ready");
    host.run(Duration::from_secs(config.shutdown.limit_s)).await
}

/// Notes in the data folder where HTTP is served, so that commands on this machine find it (`cordboard_client::hosts`).
fn note_address(folder: &Path, address: std::net::SocketAddr) {
    let mut near = address;
    if address.ip().is_unspecified() {
        near.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    if let Err(cause) = std::fs::write(folder.join("admin-address"), format!("http://{near}\n")) {
        warn!(%cause, "where HTTP is served can't be noted in the data folder: commands need --host");
    }
}

/// A host that takes calls.
struct Host {
    sip: SipHandle,
    admin_address: std::net::SocketAddr,
    token: token::AdminToken,
    board: BoardHandle,
    store: Store,
    shell: JoinHandle<()>,
    writer: JoinHandle<()>,
    rollouts: JoinHandle<()>,
    admin: JoinHandle<Result<(), cordboard_admin::AdminError>>,
    stop_admin: oneshot::Sender<()>,
}

/// The rooms of the data folder, with what every host needs in them, and what a crash left open closed.
async fn open(config: &Config, tenant: &TenantId) -> Result<(Rooms, token::AdminToken)> {
    let folder = &config.data_dir;
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    let options = SledOptions {
        cache_bytes: config.store.cache_mib << 20,
        low_space_bytes: config.store.low_space_mib << 20,
        reserve_bytes: config.store.reserve_mib << 20,
        ..SledOptions::new(folder.join("store"))
    };
    let key_file = folder.join(KEY_FILE);
    // Opening takes as long as recovery does, and nothing else runs yet.
    let opened = tokio::task::spawn_blocking(move || {
        let store = Store::new(SledStore::open(options)?);
        let keys = ContactKeys::open(key_file, &store)?;
        Ok::<_, StoreError>((store, keys))
    });
    let (store, keys) = opened.await??;
    let blobs = Blobs::open(folder.join("blobs"), (config.admin.max_upload_mib << 20).max(64 << 20))?;
    let rooms = Rooms::new(store, keys, blobs);
    rooms.tidy_up(tenant).await?;
    let token = token::read_or_make(folder)?;
    if first_run::prepare(&rooms.documents, tenant).await? {
        info!("a fresh data folder: made the queue `default` and the trunk `local` for calls from this machine");
    }
    let interrupted = Kept { tenant, rooms: &rooms }.close_interrupted().await?;
    if interrupted > 0 {
        warn!(interrupted, "contacts were in progress when the host ended: they are closed as interrupted");
    }
    Ok((rooms, token))
}

/// A file that may not grow any more is a full disk, and the store knows how to live with one: without this, the
/// system would end the process.
fn outlive_file_size_limit() {
    // Handled from here on, whoever listens.
    if let Err(cause) = signal(SignalKind::from_raw(Signal::XFSZ.as_raw())) {
        warn!(%cause, "a limit on the size of files would end the host");
    }
}

async fn start(config: &Config) -> Result<Host> {
    outlive_file_size_limit();
    let (tenant, clock) = (TenantId::default_tenant(), Clock::start());
    let (rooms, token) = open(config, &tenant).await?;
    let kept = Kept { tenant: &tenant, rooms: &rooms };
    let plugins = PluginHost::start(plugin_config(config))?;
    let secrets = Arc::new(PhoneSecrets::new(&config.sip.realm));
    let mut board = Board::new(tenant.clone(), rand::random());
    let limits = HostLimits { memory_mib: config.plugins.memory_mib, step_cpu_ms: config.plugins.step_cpu_ms };
    let grants = GrantBook::new(clock);
    let failures = kept.set_up(&mut board, clock.now(), &plugins, (limits, &grants), &secrets).await?;
    let prompts = Arc::new(tokio::task::spawn_blocking(PromptLibrary::new).await??);
    kept.recordings(&prompts).await?;

    let (handle, commands) = BoardHandle::new();
    let (sip_events, sip_received) = mpsc::channel(SIP_EVENTS);
    let (media_events, media_received) = mpsc::channel(MEDIA_EVENTS);
    let (flow_messages, flows_received) = mpsc::channel(FLOW_MESSAGES);
    let (keep, kept_queue) = mpsc::unbounded_channel();
    let (rollouts, stepped) = mpsc::unbounded_channel();
    let media = MediaPlane::start(media_config(config), media_events)?;
    let sip = SipStack::start(sip_config(config, kept.trunks().await?), secrets.clone(), sip_events).await?;
    let shadows = Shadows::default();
    let writer = keep_writing(&tenant, &rooms, &handle, kept_queue, shadows.clone());
    let parts = CentreParts {
        tenant,
        rooms,
        plugins,
        holds: Holds::default(),
        shadows,
        board: handle,
        sip,
        media,
        prompts,
        events: Events::new(clock.now().0),
        logs: Events::new(clock.now().0),
        metrics: metrics::install()?,
        secrets,
        limits,
        clock,
        grants,
        signatures: config.plugins.signatures()?,
        failures,
    };
    parts.events.log();
    if let Some(refusals) = parts.plugins.refusals() {
        let (grants, events) = (parts.grants.clone(), parts.events.clone());
        tokio::spawn(tell_refusals(refusals, grants, events, parts.clock));
    }
    if let Some(written) = parts.plugins.written() {
        let (logs, grants) = (parts.logs.clone(), parts.grants.clone());
        tokio::spawn(shell::tell_lines(written, logs, grants, parts.clock));
    }
    tokio::spawn(metrics::look_after(parts.metrics.clone()));
    tokio::spawn(shell::hibernation::follow(parts.board.clone(), parts.plugins.clone(), hibernation(config)));
    let sources = Sources { commands, sip: sip_received, media: media_received, flows: flows_received };
    let shell = tokio::spawn(shell::run(board, clock, sources, performer(&parts, flow_messages, keep, rollouts)));
    serve_admin(config, parts, token, (shell, writer), stepped).await
}

/// Starts what writes, and what watches whether it can.
fn keep_writing(
    tenant: &TenantId,
    rooms: &Rooms,
    board: &BoardHandle,
    queue: mpsc::UnboundedReceiver<shell::Keep>,
    shadows: Shadows,
) -> JoinHandle<()> {
    let (failing, failing_changes) = watch::channel(None);
    tokio::spawn(shell::health::follow(board.clone(), rooms.store.health_changes(), failing_changes));
    let writer = Writer::new(tenant.clone(), rooms.clone(), board.clone(), failing, shadows);
    tokio::spawn(writer.run(queue))
}

fn performer(
    parts: &CentreParts,
    flow_messages: mpsc::Sender<cordboard_plugin::FlowMessage>,
    keep: mpsc::UnboundedSender<shell::Keep>,
    rollouts: mpsc::UnboundedSender<(DeploymentName, RolloutStep)>,
) -> Performer {
    let room = (parts.tenant.clone(), parts.rooms.clone());
    let stacks = shell::Lines::start(room, parts.plugins.clone(), parts.clock, &keep);
    let (logs, grants) = (parts.logs.clone(), parts.grants.clone());
    let notes = Notebook::new(NoteParts { logs, keep: keep.clone(), grants, clock: parts.clock, stacks });
    let performed = Parts {
        sip: parts.sip.clone(),
        media: parts.media.clone(),
        plugins: parts.plugins.clone(),
        holds: parts.holds.clone(),
        flow_messages,
        prompts: parts.prompts.clone(),
        events: parts.events.clone(),
        keep,
        board: parts.board.clone(),
        stored: ValueParts {
            tenant: parts.tenant.clone(),
            values: parts.rooms.values.clone(),
            grants: parts.grants.clone(),
        },
        rollouts,
    };
    Performer::new(performed, notes)
}

async fn serve_admin(
    config: &Config,
    parts: CentreParts,
    token: token::AdminToken,
    (shell, writer): (JoinHandle<()>, JoinHandle<()>),
    stepped: RolloutSteps,
) -> Result<Host> {
    let admin_config = AdminConfig {
        bind: config.admin.bind,
        token: token.token.clone(),
        max_upload_bytes: config.admin.max_upload_mib << 20,
    };
    let (sip, board, store) = (parts.sip.clone(), parts.board.clone(), parts.rooms.store.clone());
    let centre = Arc::new(HostCentre::new(parts));
    let rollouts = tokio::spawn(Arc::clone(&centre).keep_rollouts(stepped));
    tokio::spawn(Arc::clone(&centre).resume_shadows());
    let admin = Admin::bind(admin_config, centre).await?;
    let admin_address = admin.local_addr();
    let (stop_admin, admin_stopped) = oneshot::channel::<()>();
    let admin = tokio::spawn(admin.serve(async {
        // The sender is gone: as good as told to.
        let _ = admin_stopped.await;
    }));
    Ok(Host { sip, admin_address, token, board, store, shell, writer, rollouts, admin, stop_admin })
}

impl Host {
    /// Serves until a signal, then lets running calls end within `limit`. A second signal ends them at once.
    async fn run(mut self, limit: Duration) -> Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let broken = tokio::select! {
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
            ended = &mut self.shell => Some(format!("the board's task ended by itself: {ended:?}")),
            ended = &mut self.writer => Some(format!("the writer ended by itself: {ended:?}")),
            ended = &mut self.admin => Some(format!("the admin API ended by itself: {ended:?}")),
        };
        if let Some(broken) = broken {
            error!("{broken}");
            self.close().await?;
            anyhow::bail!(broken);
        }
        info!(limit_s = limit.as_secs(), "stopping: new calls are refused, running ones may end");
        self.sip.set_draining(true);
        // Stopped already is as good.
        let _ = self.board.tell(Input::Drain).await;
        tokio::select! {
            _ = &mut self.shell => {}
            _ = interrupt.recv() => self.end_now().await,
            _ = terminate.recv() => self.end_now().await,
            () = tokio::time::sleep(limit) => self.end_now().await,
        }
        self.close().await
    }

    /// The board's task is over, or the host is broken: what can be kept is kept, and everybody is told.
    async fn close(mut self) -> Result<()> {
        self.shell.abort();
        // With the board's task goes the writer's last source, and what it was given is written.
        if !self.writer.is_finished() && tokio::time::timeout(LAST_WORDS, &mut self.writer).await.is_err() {
            warn!("the store did not take everything in time: what is left is lost");
        }
        if !self.rollouts.is_finished() && tokio::time::timeout(LAST_WORDS, &mut self.rollouts).await.is_err() {
            warn!("what canaries did last could not be kept: they are where they were before after the next start");
        }
        // Whoever is not served by now will not be: the sender's end is gone, which is as good.
        let _ = self.stop_admin.send(());
        if !self.admin.is_finished() && tokio::time::timeout(Duration::from_secs(2), &mut self.admin).await.is_err() {
            info!("an API client holds its connection: it is cut");
        }
        // BYEs and their answers may still be on the way.
        self.sip.shutdown().await;
        self.store.close().await?;
        info!("stopped");
        Ok(())
    }

    async fn end_now(&mut self) {
        warn!("running calls are ended now");
        // Stopped already is as good.
        let _ = self.board.tell(Input::Shutdown).await;
        if tokio::time::timeout(LAST_WORDS, &mut self.shell).await.is_err() {
            warn!("some calls did not end in time");
            self.shell.abort();
        }
    }
}

fn plugin_config(config: &Config) -> PluginConfig {
    PluginConfig {
        guest_threads: config.plugins.threads,
        max_flow_instances: config.plugins.max_flow_instances,
        max_memory_bytes: u64::from(config.plugins.memory_mib) << 20,
        step_cpu_ms: config.plugins.step_cpu_ms,
        max_component_bytes: config.admin.max_upload_mib << 20,
        artefact_dir: Some(config.data_dir.join("artefacts")),
        artefact_cache_bytes: config.plugins.artefact_cache_mib << 20,
        compiler: Compiler::this_program(&[COMPILE]),
        compile_timeout_ms: config.plugins.compile_timeout_s * 1000,
        egress_ca_file: config.plugins.egress_ca_file.clone(),
        ..PluginConfig::default()
    }
}

const fn hibernation(config: &Config) -> shell::hibernation::Bounds {
    shell::hibernation::Bounds {
        idle_ms: config.plugins.hibernate_after_s * 1_000,
        memory_bytes: config.plugins.flow_memory_mib << 20,
    }
}

fn media_config(config: &Config) -> MediaConfig {
    let [first, last] = config.media.ports;
    MediaConfig {
        bind_ip: config.media.bind,
        advertised_ip: config.media.advertised,
        ports: first..=last,
        threads: config.media.threads,
        no_media_timeout: config.media.no_media_timeout(),
        max_sessions: max_sessions(config),
    }
}

/// A caller's and an agent's leg for each call that may run, as far as there are pairs of ports for them.
fn max_sessions(config: &Config) -> usize {
    let wanted = config.sip.max_calls as usize * 2;
    match config.media.ports {
        [_, 0] => wanted,
        [first, last] => wanted.min((usize::from(last) + 1).saturating_sub(usize::from(first.next_multiple_of(2))) / 2),
    }
}

fn sip_config(config: &Config, trunks: Vec<cordboard_sip::Trunk>) -> SipConfig {
    let sip = &config.sip;
    SipConfig {
        bind: sip.bind,
        advertised: sip.advertised,
        user_agent: concat!("Cordboard/", env!("CARGO_PKG_VERSION")).into(),
        realm: sip.realm.clone(),
        trunks,
        calls_per_second: sip.calls_per_second,
        max_calls: sip.max_calls,
        max_message_bytes: sip.max_message_bytes,
        nonce_lifetime: Duration::from_secs(sip.nonce_lifetime_s),
        min_expires_s: sip.min_expires_s,
        max_expires_s: sip.max_expires_s,
        ..SipConfig::default()
    }
}
