//! The three calls.

use crate::stage::{CALLER, SOON, Stage};
use crate::timeline::{at_ms, now_ms, short};
use anyhow::{Context as _, Result, bail, ensure};
use cordboard_phone::CallEnd;
use cordboard_trial::{RECEPTION, SUPPORT, recorded, tone_ms};
use serde_json::{Value, json};

const CALLER_HZ: u32 = 440;
const AGENT_HZ: u32 = 950;
/// Of two seconds of a tone, so much must arrive.
const TONE_MS: u32 = 1_500;

/// Greeted by name, the menu, the balance; then the caller hangs up.
pub(crate) async fn self_service(stage: &mut Stage) -> Result<()> {
    let call = stage.dial().await?;
    stage.hears(&call.contact, "Hello, Ada Lovelace.", None)?;
    let menu = stage.hears(&call.contact, "To hear your balance, press 1.", None)?;
    // Who knows the menu doesn't wait for its end.
    stage.act("caller", &call.phone, "wait 1s; press 1").await?;
    let balance = stage.hears(&call.contact, "Your balance is 1234.56 USD", None)?;
    // The menu comes back when the balance was said to its end.
    stage.hears(&call.contact, "To hear your balance", Some(&menu))?;
    stage.check_stream("call 1: the caller's audio is one stream without a gap", &call);
    stage.act("caller", &call.phone, "wait 1s; hang-up").await?;
    let [heard, _] = stage.keep(&call, "1-self-service")?;
    let record = stage.tell("Call 1: a caller serves herself", &call.contact)?;
    stage.checks.that("call 1: greeted by the name that the bank's directory knows", true, "Ada Lovelace");
    stage.checks.that("call 1: the balance was read out", true, balance.text("/text"));
    stage.check_heard("call 1: every prompt was heard", &call, &heard);
    let kept = record.pointer("/end/reason") == Some(&json!("hung-up"))
        && record.pointer("/attributes/customer-id") == Some(&json!("1001"))
        && record.pointer("/choices/0/answer") == Some(&json!("balance"));
    stage.checks.that("call 1: its record has the end, the customer and the choice", kept, "");
    Ok(())
}

/// To an agent who was chosen by score, and back to the flow for a survey.
pub(crate) async fn queue_and_talk(stage: &mut Stage) -> Result<()> {
    let call = stage.dial().await?;
    stage.hears(&call.contact, "To hear your balance, press 1.", None)?;
    stage.act("caller", &call.phone, "wait 1s; press 0").await?;
    let rings = async {
        let [(_, _, bea), (_, _, carl)] = stage.agents.as_slice() else { bail!("two agents") };
        tokio::select! {
            Some(call) = bea.incoming(SOON) => Ok(("201", call)),
            Some(call) = carl.incoming(SOON) => Ok(("202", call)),
            else => bail!("no agent's phone rings"),
        }
    };
    let (agent, ringing) = rings.await?;
    let rang_ms = now_ms();
    stage.timeline.note_at(rang_ms, agent, format!("the phone rings: {} is calling", ringing.peer()));
    let pop = stage.events.wait_for("contact.screen-pop", &call.contact, SOON)?;
    let offered = stage.events.wait_for("contact.offered-to-agent", &call.contact, SOON)?;
    stage.timeline.note(agent, "answers");
    ringing.answer();
    stage.events.wait_for("contact.connected", &call.contact, SOON)?;
    talk(stage, agent, &call.phone, &ringing).await?;

    stage.hears(&call.contact, "How was your call?", None)?;
    stage.act("caller", &call.phone, "wait 1s; press 5").await?;
    stage.hears(&call.contact, "Thank you.", None)?;
    stage.check_stream("call 2: the caller's audio is one stream, through queue, talk and survey", &call);
    let end = call.phone.ended(SOON).await;
    let [heard, _] = stage.keep(&call, "2-queue")?;
    let agent_heard = stage.keep_agent(agent, "2-queue")?;
    let record = stage.tell("Call 2: through the queue to an agent", &call.contact)?;

    stage.checks.that("call 2: the scorer's best agent was chosen", agent == "201", format!("agent {agent}"));
    let order = event_number(&pop.event) < event_number(&offered.event);
    let before_ms = rang_ms.saturating_sub(at_ms(&pop));
    let claim = "call 2: the screen pop was told before the phone rang";
    stage.checks.that(claim, order && at_ms(&pop) <= rang_ms, format!("{before_ms} ms before"));
    let knows = pop.text("/customer/id") == "1001" && pop.text("/choices/0/answer") == "agent";
    stage.checks.that("call 2: the pop has the customer and the choice", knows, "");
    for (claim, path, hertz) in [
        ("call 2: the caller heard the agent", &heard, AGENT_HZ),
        ("call 2: the agent heard the caller", &agent_heard, CALLER_HZ),
    ] {
        let measured = recorded(path, |samples| {
            let ms = tone_ms(samples, hertz as f32);
            ensure!(ms >= TONE_MS, "{ms} ms of the {hertz} Hz tone");
            Ok(format!("{ms} ms of the {hertz} Hz tone"))
        });
        stage.checks.add(claim, measured);
    }
    let ended = end == Some(CallEnd::RemoteHungUp) && record.pointer("/end/reason") == Some(&json!("completed"));
    stage.checks.that("call 2: the flow said goodbye and ended the call", ended, "");
    let survey = record.pointer("/attributes/survey") == Some(&json!("5"));
    stage.checks.that("call 2: the survey's answer is in the record", survey, "5");
    let visit = record.pointer("/visits/0").cloned().unwrap_or_default();
    let answered = visit.get("outcome") == Some(&json!("answered")) && visit.get("agent") == Some(&json!(agent));
    stage.checks.that("call 2: the record has the queue, the agent and the talk", answered, "");
    Ok(())
}

/// Both say a tone at the same time, then the agent hangs up.
async fn talk(
    stage: &mut Stage,
    agent: &str,
    caller: &cordboard_phone::PhoneCall,
    ringing: &cordboard_phone::PhoneCall,
) -> Result<()> {
    let (low, high) = (format!("tone {CALLER_HZ} 2s"), format!("tone {AGENT_HZ} 2s"));
    stage.timeline.note("caller", format!("{low} (talks)"));
    stage.timeline.note(agent, format!("{high} (talks)"));
    let (low, high) = (cordboard_phone::parse(&low)?, cordboard_phone::parse(&high)?);
    let (said, replied) = tokio::join!(
        cordboard_phone::run_script(caller, &low, |_| {}),
        cordboard_phone::run_script(ringing, &high, |_| {})
    );
    said.context("the caller's side of the talk")?;
    replied.context("the agent's side of the talk")?;
    stage.act(agent, ringing, "hang-up").await
}

fn event_number(event: &Value) -> Option<u64> {
    event.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok())
}

/// A new version is deployed while the caller is in the menu.
pub(crate) async fn hot_swap(stage: &mut Stage) -> Result<()> {
    let deployment = stage.centre.api.get("/v1/deployments/reception")?;
    let text = |name: &str| deployment.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (first, plugin) = (text("version"), text("plugin"));
    let call = stage.dial().await?;
    stage.hears(&call.contact, "To hear your balance, press 1.", None)?;
    stage.act("caller", &call.phone, "wait 1s").await?;

    stage
        .timeline
        .note("operator", "PUT /v1/deployments/reception: the same component with version-label = `Version two.`");
    let config = json!({ "queue": SUPPORT, "version-label": "Version two." });
    let second = stage.centre.api.deploy("reception", &plugin, config, &[])?;
    let swapped =
        stage.events.wait(SOON, |told| told.kind() == "deployment.changed" && told.text("/version") == second)?;
    stage.act("caller", &call.phone, "wait 1s; press 1").await?;
    let balance = stage.hears(&call.contact, "Your balance is 1234.56 USD", None)?;
    stage.hears(&call.contact, "To hear your balance", Some(&balance))?;
    stage.check_stream("call 3: the caller's audio is one stream across the swap", &call);
    stage.act("caller", &call.phone, "wait 1s; hang-up").await?;
    let idle =
        stage.events.wait(SOON, |told| told.kind() == "deployment.version-idle" && told.text("/version") == first);
    let [heard, _] = stage.keep(&call, "3-hot-swap")?;
    let record = stage.tell("Call 3: a new version in the middle of a call", &call.contact)?;
    stage.check_heard("call 3: every prompt was heard", &call, &heard);
    let kept = record.get("versions") == Some(&json!([first])) && at_ms(&balance) > at_ms(&swapped);
    let claim = "call 3: the call in progress finished on its version";
    stage.checks.that(
        claim,
        kept && first != second,
        format!("{}, {} deployed meanwhile", short(&first), short(&second)),
    );
    let resting = idle.and_then(|_| {
        let rests =
            |loaded: &Value| loaded.get("version") == Some(&json!(first)) && loaded.get("uses") == Some(&json!(0));
        stage.centre.api.until("/v1/status", SOON, |status| {
            status.get("loaded").and_then(Value::as_array).is_some_and(|loaded| loaded.iter().any(rests))
        })
    });
    let claim = "call 3: the old version rests after its last call, ready to step in for the new one";
    stage.checks.add(claim, resting.map(|_| String::new()));

    stage.events.forget();
    let next = stage.dial().await?;
    let greeting = stage.hears(&next.contact, "Version two.", None)?;
    stage.act("caller", &next.phone, "wait 2s; hang-up").await?;
    stage.keep(&next, "4-after-the-swap")?;
    let record = stage.tell(&format!("Afterwards: the next call of {CALLER} to {RECEPTION}"), &next.contact)?;
    let fresh = record.get("versions") == Some(&json!([second]));
    stage.checks.that("the next call got the new version", fresh, greeting.text("/text"));
    Ok(())
}
