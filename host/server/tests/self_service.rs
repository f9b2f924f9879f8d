//! Callers who serve themselves: greeted by name, through the menu, lost and silent ones included.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Result, ensure};
use cordboard_trial::{Centre, RECEPTION, Stream, Told, Wire, continuous, sound_ms, together, window};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn callers_serve_themselves() -> Result<()> {
    together(
        &Centre::ready()?,
        &[
            ("a known caller hears the balance", a_known_caller_hears_the_balance),
            ("an unknown caller gives the account", an_unknown_caller_gives_the_account),
            ("a caller who presses wrong keys gets an agent", a_caller_who_presses_wrong_keys_gets_an_agent),
            ("a silent caller is asked twice", a_silent_caller_is_asked_twice),
        ],
    )
}

fn said(events: &mut Stream, contact: &str, words: &str) -> Result<Told> {
    events.wait(SOON, |told| {
        told.contact() == contact
            && matches!(told.kind(), "contact.said" | "contact.asked")
            && told.text("/text").contains(words)
    })
}

fn a_known_caller_hears_the_balance(centre: &Centre) -> Result<()> {
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15550001")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of("+15550001", SOON)?;
    said(&mut events, &contact, "Hello, Ada Lovelace.")?;
    said(&mut events, &contact, "To hear your balance, press 1.")?;
    call.rtp.press("1");
    let balance = said(&mut events, &contact, "Your balance is 1234.56 USD")?;
    // The menu comes again: the balance was said to its end.
    let again = events.wait(SOON, |told| {
        told.contact() == contact && told.kind() == "contact.asked" && told.read_at > balance.read_at
    })?;
    call.hang_up()?;

    let packets = call.rtp.packets();
    continuous(&packets)?;
    ensure!(packets.iter().all(|packet| packet.payload.len() == 160), "every packet has 20 ms");
    let began = packets.first().map_or(balance.read_at, |packet| packet.at);
    let (from, to) = (balance.read_at - began, again.read_at - began);
    let heard = sound_ms(window(&call.rtp.heard(), from, to));
    ensure!(heard >= 1_000, "of the balance, {heard} ms were heard");

    let record = centre.record(&contact)?;
    ensure!(record["end"]["reason"] == "hung-up", "{record}");
    let (attributes, choice) = (&record["attributes"], &record["choices"][0]);
    ensure!(attributes["customer-id"] == "1001" && attributes["tier"] == "gold", "{record}");
    ensure!(choice["question"] == "main-menu" && choice["answer"] == "balance", "{record}");
    ensure!(record["visits"] == json!([]) && !record["answered_at"].is_null(), "{record}");
    let entries = centre.journal(&contact)?.len() as u64;
    ensure!(record["journal_entries"] == entries && entries >= 7, "{entries} in the journal: {record}");
    Ok(())
}

fn an_unknown_caller_gives_the_account(centre: &Centre) -> Result<()> {
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+4999")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of("+4999", SOON)?;
    said(&mut events, &contact, "Please enter your account number")?;
    call.rtp.press("77#");
    said(&mut events, &contact, "We could not find your account.")?;
    // Typed ahead of the question.
    call.rtp.press("1002#");
    said(&mut events, &contact, "To hear your balance, press 1.")?;
    call.rtp.press("2");
    said(&mut events, &contact, "Your minimum payment is 19.00 USD Your payment is due on 2026-12-09")?;
    call.hang_up()?;
    let record = centre.record(&contact)?;
    ensure!(record["attributes"]["customer-name"] == "Grace Hopper", "{record}");
    let answers: Vec<&str> =
        record["choices"].as_array().into_iter().flatten().filter_map(|choice| choice["answer"].as_str()).collect();
    ensure!(answers == ["77", "1002", "payment"], "{answers:?}");
    Ok(())
}

fn a_caller_who_presses_wrong_keys_gets_an_agent(centre: &Centre) -> Result<()> {
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15550003")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of("+15550003", SOON)?;
    said(&mut events, &contact, "To hear your balance")?;
    call.rtp.press("5");
    said(&mut events, &contact, "Sorry, I did not understand that. To hear your balance")?;
    call.rtp.press("6");
    let first = said(&mut events, &contact, "Sorry, I did not understand that.")?;
    events.wait(SOON, |told| {
        told.contact() == contact && told.text("/text").starts_with("Sorry") && told.read_at > first.read_at
    })?;
    call.rtp.press("7");
    events.wait_for("contact.queued", &contact, SOON)?;
    call.hang_up()?;
    let record = centre.record(&contact)?;
    ensure!(record["visits"][0]["outcome"] == "abandoned", "{record}");
    ensure!(record["end"]["reason"] == "hung-up", "{record}");
    Ok(())
}

fn a_silent_caller_is_asked_twice(centre: &Centre) -> Result<()> {
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), "+15550004")?;
    let mut call = wire.call(RECEPTION)?;
    call.answered(SOON)?;
    let contact = events.call_of("+15550004", SOON)?;
    said(&mut events, &contact, "Thank you for calling. Goodbye.")
        .or_else(|_| said(&mut events, &contact, "Goodbye."))?;
    call.until_ended(SOON)?;
    let told = events.of(&contact);
    let asked = told.iter().filter(|told| told.text("/text").starts_with("Are you still there?")).count();
    ensure!(asked == 2, "asked {asked} times whether somebody is there");
    let record = centre.record(&contact)?;
    ensure!(record["end"]["reason"] == "completed", "{record}");
    Ok(())
}
