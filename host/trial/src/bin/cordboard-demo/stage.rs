//! The centre, its people, and what is kept of a run.

use crate::checks::Checks;
use crate::say;
use crate::timeline::{Timeline, at_ms, now_ms, short};
use anyhow::{Context as _, Result, bail};
use cordboard_phone::{Phone, PhoneCall, parse, run_script};
use cordboard_trial::{Centre, HostOptions, RECEPTION, SUPPORT, Stream, Told, recorded, sound_ms, window};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long anything may take that is only a matter of the machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// The caller of all calls: a customer of the bank.
pub(crate) const CALLER: &str = "+15550001";

/// Everything on the stage.
pub(crate) struct Stage {
    pub(crate) centre: Centre,
    pub(crate) events: Stream,
    pub(crate) timeline: Timeline,
    pub(crate) checks: Checks,
    pub(crate) caller: Phone,
    pub(crate) agents: Vec<(&'static str, &'static str, Phone)>,
    /// Calls made by the caller, which number its recordings.
    made: u32,
    out: PathBuf,
}

/// A call of the caller's.
pub(crate) struct Call {
    pub(crate) phone: PhoneCall,
    pub(crate) contact: String,
    /// When the recordings began, in milliseconds since the epoch.
    pub(crate) began_ms: u64,
    number: u32,
}

impl Stage {
    pub(crate) async fn set_up(out: &Path) -> Result<Self> {
        let data = out.join("data");
        if data.exists() {
            std::fs::remove_dir_all(&data).with_context(|| data.display().to_string())?;
        }
        let options = HostOptions { data, log: Some(out.join("cordboard.log")), ..HostOptions::default() };
        let centre = Centre::start_in(options, out)?;
        centre.set_up()?;
        let skills = json!([{ "name": "banking", "min_level": 3 }]);
        centre.queue(SUPPORT, json!({ "scorer": "skills", "skills": skills, "wrap_up_ms": 1_000 }))?;
        let sound = Some(out.to_owned());
        let bea = centre.agent("201", "Bea", json!({ "banking": 9, "vip": 8 }), sound.clone()).await?;
        let carl = centre.agent("202", "Carl", json!({ "banking": 3 }), sound.clone()).await?;
        centre.api.agent("203", "Dan", json!({ "banking": 10 }))?;
        let caller = centre.caller(CALLER, Some("Ada"), sound).await?;
        say(&format!("Host:   SIP on {}, admin API on {}", centre.host.sip(), centre.host.admin()));
        say(&format!(
            "Bank:   {}, asked through the plugin http-crm, which may connect nowhere else",
            centre.bank.url()
        ));
        say(&format!(
            "Set up: reception answers {RECEPTION}; queue `{SUPPORT}` needs banking of 3, scored by skills-scorer"
        ));
        say(
            "Agents: 201 Bea (banking 9, vip 8) and 202 Carl (banking 3) have registered phones; 203 Dan (banking 10) is at home",
        );
        let events = centre.events()?;
        let agents = vec![("201", "Bea", bea), ("202", "Carl", carl)];
        let (timeline, checks) = (Timeline::default(), Checks::default());
        Ok(Self { centre, events, timeline, checks, caller, agents, made: 0, out: out.into() })
    }

    /// The caller dials reception, and is answered.
    pub(crate) async fn dial(&mut self) -> Result<Call> {
        self.timeline.note("caller", format!("{CALLER} dials {RECEPTION}"));
        let phone = self.caller.dial(RECEPTION)?;
        self.made += 1;
        if !phone.answered(SOON).await {
            bail!("the call is not answered: {:?}", phone.state());
        }
        let began_ms = now_ms();
        let contact = self.events.call_of(CALLER, SOON)?;
        Ok(Call { phone, contact, began_ms, number: self.made })
    }

    /// A phone does what a script says.
    pub(crate) async fn act(&mut self, who: &str, phone: &PhoneCall, script: &str) -> Result<()> {
        self.timeline.note(who, script);
        run_script(phone, &parse(script)?, |_| {}).await.with_context(|| format!("{who}: {script}"))
    }

    /// Waits until the flow says or asks something with these words, later than `after` if given.
    pub(crate) fn hears(&mut self, contact: &str, words: &str, after: Option<&Told>) -> Result<Told> {
        let spoken = |told: &Told| matches!(told.kind(), "contact.said" | "contact.asked");
        self.events
            .wait(SOON, |told| {
                told.contact() == contact
                    && spoken(told)
                    && told.text("/text").contains(words)
                    && after.is_none_or(|after| at_ms(told) > at_ms(after))
            })
            .with_context(|| format!("\"{words}\" is not said"))
    }

    /// Waits for the end of a contact, notes its events and what is kept of it, and prints the call.
    pub(crate) fn tell(&mut self, title: &str, contact: &str) -> Result<Value> {
        self.events.wait_for("contact.ended", contact, SOON)?;
        let record = self.centre.record(contact)?;
        for told in self.events.so_far() {
            let assigned = told.data("/assigned").as_array();
            let here = told.contact() == contact || told.text("/contact") == contact;
            if here || told.kind().starts_with("deployment.") {
                self.timeline.event(told);
            } else if told.kind() == "queue.decided"
                && assigned.is_some_and(|all| all.iter().any(|one| one.get("contact") == Some(&json!(contact))))
            {
                let why = crate::report::decision(&self.centre, contact)?;
                self.timeline.note_at(at_ms(told), "queue", why);
            }
        }
        let entries = self.centre.journal(contact)?.len();
        self.timeline.print(title);
        say(&format!("{:8}  journal   {entries} entries, readable at /v1/contacts/{contact}/journal", ""));
        say(&format!("{:8}  record    {}", "", crate::report::record(&record)));
        Ok(record)
    }

    /// Gives the caller's recordings a name that says what they are; where they are then.
    pub(crate) fn keep(&self, call: &Call, name: &str) -> Result<[PathBuf; 2]> {
        let keep = |what: &str| {
            let from = self.out.join(format!("{CALLER}-{}-{what}.wav", call.number));
            let to = self.out.join(format!("{name}-caller-{what}.wav"));
            recorded(&from, |_| Ok(()))?;
            std::fs::rename(&from, &to).with_context(|| from.display().to_string())?;
            anyhow::Ok(to)
        };
        Ok([keep("heard")?, keep("said")?])
    }

    /// The same for an agent's first call.
    pub(crate) fn keep_agent(&self, agent: &str, name: &str) -> Result<PathBuf> {
        for what in ["heard", "said"] {
            let from = self.out.join(format!("{agent}-1-{what}.wav"));
            recorded(&from, |_| Ok(()))?;
            std::fs::rename(&from, self.out.join(format!("{name}-agent-{agent}-{what}.wav")))?;
        }
        Ok(self.out.join(format!("{name}-agent-{agent}-heard.wav")))
    }

    /// Checks that something was heard whenever the flow is told to have spoken.
    pub(crate) fn check_heard(&mut self, claim: &str, call: &Call, recording: &Path) {
        let told = self.events.of(&call.contact);
        let measured = recorded(recording, |samples| {
            let mut spoken = 0;
            for (at, event) in told.iter().enumerate() {
                if !matches!(event.kind(), "contact.said" | "contact.asked") {
                    continue;
                }
                let from = at_ms(event).saturating_sub(call.began_ms);
                // Until whatever came next: a key may have cut it.
                let next = told.iter().skip(at + 1).find(|next| at_ms(next) > at_ms(event));
                let to = next.map_or(u64::MAX, at_ms).saturating_sub(call.began_ms).min(from + 2_000);
                // The way through jitter buffer and recording takes a little.
                let ms = |ms: u64| Duration::from_millis(ms + 100);
                let heard = sound_ms(window(samples, ms(from), ms(to.max(from + 600))));
                if heard < 200 {
                    bail!("{heard} ms of sound when \"{}\" was said", event.text("/text"));
                }
                spoken += 1;
            }
            Ok(format!("{spoken} prompts, {:.1} s of sound", f64::from(sound_ms(samples)) / 1000.0))
        });
        self.checks.add(claim, measured);
    }

    /// What the caller's phone received of a call, which must be one stream without a gap.
    pub(crate) fn check_stream(&mut self, claim: &str, call: &Call) {
        let Some(stats) = call.phone.stats() else {
            return self.checks.failed(claim, "no figures: the call is over");
        };
        // Too late is what our own phone's ears say of a busy machine; it is told, and no hole.
        let holes = [stats.lost, stats.duplicates, stats.timestamp_jumps];
        let text = format!(
            "{} RTP packets; lost {}, repeated {}, timestamp jumps {}, too late {}",
            stats.packets_received, stats.lost, stats.duplicates, stats.timestamp_jumps, stats.discarded_late
        );
        self.checks.that(claim, holes == [0; 3] && stats.packets_received > 100, text);
    }

    /// Ends it all; what was checked.
    pub(crate) async fn strike(mut self) -> Result<Checks> {
        self.caller.stop().await;
        for (_, _, phone) in self.agents {
            phone.stop().await;
        }
        let stopped = self.centre.host.stop();
        self.checks.add("the host stops as it should", stopped.map(|()| String::new()));
        Ok(self.checks)
    }
}

/// A version, as people are told of it.
pub(crate) fn version(record: &Value) -> String {
    let versions = record.get("versions").and_then(Value::as_array);
    let all: Vec<&str> = versions.into_iter().flatten().filter_map(Value::as_str).map(short).collect();
    all.join(", ")
}
