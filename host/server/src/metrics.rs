//! Figures for Prometheus, counted from the events as they are told.

use crate::centre::CentreParts;
use cordboard_core::agent::AgentState;
use cordboard_core::event::{Event, What};
use cordboard_core::ids::AgentId;
use cordboard_media::LATE_BORDERS_US;
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::collections::BTreeMap;
use std::time::Duration;

/// Upper bounds of the histograms' buckets, in seconds.
const SECONDS: [f64; 14] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 20.0, 60.0, 180.0, 600.0, 3600.0];

/// Installs the recorder, once in a process; a second host in the same process shares it.
///
/// # Errors
/// [`BuildError`]: a fault of this file.
pub(crate) fn install() -> Result<PrometheusHandle, BuildError> {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let recorder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("seconds".into()), &SECONDS)?.build_recorder();
    let handle = recorder.handle();
    // Lost the race for the process's recorder: the other one counts for both.
    let _ = metrics::set_global_recorder(recorder);
    Ok(HANDLE.get_or_init(|| handle).clone())
}

/// Keeps the histograms from growing while nobody reads them.
pub(crate) async fn look_after(handle: PrometheusHandle) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tick.tick().await;
        handle.run_upkeep();
    }
}

/// Brings the figures up to date that are counted elsewhere.
pub(crate) fn gather(parts: &CentreParts) {
    let media = parts.media.plane_stats();
    gauge!("cordboard_media_sessions").set(media.sessions as f64);
    gauge!("cordboard_media_max_late_seconds").set(media.max_late_us as f64 / 1e6);
    counter!("cordboard_media_skipped_slots_total").absolute(media.skipped_slots);
    counter!("cordboard_media_events_dropped_total").absolute(media.events_dropped);
    counter!("cordboard_media_commands_dropped_total").absolute(media.commands_dropped);
    counter!("cordboard_media_busy_microseconds_total").absolute(media.busy_us);
    let borders = LATE_BORDERS_US.iter().map(|border| format!("{}", *border as f64 / 1e6)).chain(["+Inf".to_owned()]);
    let mut sum = 0;
    for (border, count) in borders.zip(media.late_frames) {
        sum += count;
        counter!("cordboard_media_frames_late_total", "le" => border).absolute(sum);
    }
    let signalling = parts.sip.counters();
    for (name, count) in signalling.totals() {
        counter!("cordboard_sip_total", "what" => name).absolute(count);
    }
    for (name, count) in signalling.gauges() {
        gauge!("cordboard_sip", "what" => name).set(count as f64);
    }
    let mut instances: BTreeMap<String, u64> = BTreeMap::new();
    for loaded in parts.plugins.loaded() {
        *instances.entry(loaded.world.to_string()).or_default() += loaded.live_instances;
    }
    for (world, count) in instances {
        gauge!("cordboard_plugin_instances", "world" => world).set(count as f64);
    }
    gauge!("cordboard_store_ok").set(u8::from(parts.rooms.store.health().is_ok()));
}

/// Counts events. Labels are names that operators gave, so their number is bounded by the configuration.
#[derive(Default)]
pub(crate) struct Counting {
    agents: BTreeMap<AgentId, &'static str>,
}

impl Counting {
    // tidy: long-function: an arm for each event, and nothing else.
    /// Counts one event.
    pub(crate) fn count(&mut self, event: &Event) {
        let seconds = |ms: u64| ms as f64 / 1000.0;
        match &event.what {
            What::Offered { entry_point, .. } => {
                counter!("cordboard_contacts_total", "entry_point" => entry_point.to_string()).increment(1);
                gauge!("cordboard_contacts").increment(1);
            }
            What::Refused { cause, .. } => counter!("cordboard_refused_total", "cause" => *cause).increment(1),
            What::Ended { reason, lasted_ms } => {
                counter!("cordboard_ended_total", "reason" => reason.code()).increment(1);
                gauge!("cordboard_contacts").decrement(1);
                histogram!("cordboard_contact_seconds").record(seconds(*lasted_ms));
            }
            What::LookedUp { outcome, took_ms, .. } => {
                counter!("cordboard_lookups_total", "outcome" => *outcome).increment(1);
                histogram!("cordboard_lookup_seconds").record(seconds(*took_ms));
            }
            What::Queued { queue, .. } => {
                counter!("cordboard_queued_total", "queue" => queue.to_string()).increment(1);
            }
            What::LeftQueue { queue, outcome, waited_ms } => {
                counter!("cordboard_left_queue_total", "queue" => queue.to_string(), "outcome" => *outcome)
                    .increment(1);
                histogram!("cordboard_abandoned_wait_seconds", "queue" => queue.to_string())
                    .record(seconds(*waited_ms));
            }
            What::Decided { queue, fallback, took_us, .. } => {
                let by = if fallback.is_some() { "fallback" } else { "scorer" };
                counter!("cordboard_decisions_total", "queue" => queue.to_string(), "by" => by).increment(1);
                histogram!("cordboard_decision_seconds").record(*took_us as f64 / 1e6);
            }
            What::Connected { queue, waited_ms, .. } => {
                counter!("cordboard_connected_total", "queue" => queue.to_string()).increment(1);
                histogram!("cordboard_answer_seconds", "queue" => queue.to_string()).record(seconds(*waited_ms));
            }
            What::TalkEnded { queue, talked_ms, .. } => {
                histogram!("cordboard_talk_seconds", "queue" => queue.to_string()).record(seconds(*talked_ms));
            }
            What::OfferEnded { queue, result, .. } => {
                let result = format!("{result:?}").to_lowercase();
                counter!("cordboard_offers_total", "queue" => queue.to_string(), "result" => result).increment(1);
            }
            What::FlowEnded { failure, .. } => {
                let how = failure.as_ref().map_or("returned", |(kind, _)| kind);
                counter!("cordboard_flow_runs_total", "end" => how).increment(1);
            }
            What::Migrated { .. } => counter!("cordboard_migrations_total", "outcome" => "migrated").increment(1),
            What::NotMigrated { outcome, .. } => {
                counter!("cordboard_migrations_total", "outcome" => *outcome).increment(1);
            }
            What::Descended { rung, .. } => counter!("cordboard_descended_total", "rung" => *rung).increment(1),
            What::SteppedDown { .. } => counter!("cordboard_stepped_down_total").increment(1),
            What::AgentChanged { agent, state } => self.agent(agent, state),
            What::CapabilityRefused { capability, .. } => {
                counter!("cordboard_capability_refused_total", "capability" => *capability).increment(1);
            }
            What::StoreHealth { healthy, .. } => gauge!("cordboard_store_healthy").set(u8::from(*healthy)),
            What::Deployed { .. } => counter!("cordboard_deployments_total").increment(1),
            What::Stepped(step) => {
                let (deployment, kind) = (step.deployment.to_string(), step.kind.name());
                counter!("cordboard_deployment_steps_total", "deployment" => deployment, "kind" => kind).increment(1);
            }
            What::Logged { level, .. } => {
                counter!("cordboard_log_lines_total", "level" => level.name()).increment(1);
            }
            What::Answered
            | What::Said { .. }
            | What::Asked { .. }
            | What::Pressed { .. }
            | What::Chose { .. }
            | What::AttributeSet { .. }
            | What::ScreenPop { .. }
            | What::OfferedToAgent { .. }
            | What::VersionIdle { .. }
            | What::Erased => {}
        }
    }

    fn agent(&mut self, agent: &AgentId, state: &AgentState) {
        if let Some(before) = self.agents.insert(agent.clone(), state.name()) {
            gauge!("cordboard_agents", "state" => before).decrement(1);
        }
        gauge!("cordboard_agents", "state" => state.name()).increment(1);
    }
}
