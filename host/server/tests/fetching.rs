//! Flows that send requests, in real calls: what leaves, how often, with which secrets, and what of it is kept.

#![allow(clippy::indexing_slicing, reason = "a member that a JSON value lacks is null")]

use anyhow::{Context as _, Result, ensure};
use cordboard_trial::{Centre, HostOptions, SUPPORT, Stream, Wire, WireCall};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
const TOKEN: &str = "hush-hush-7e1f";
const CALLER: &str = "+15550001";

/// A shop that takes orders, and keeps what it was sent.
struct Shop {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Shop {
    fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, &kept));
            }
        });
        Ok(Self { url, heard })
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn until_heard(&self, count: usize) -> Result<()> {
        let until = Instant::now() + SOON;
        while self.heard().len() < count {
            ensure!(Instant::now() < until, "{:?}", self.heard());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default()
    }
}

fn serve(mut stream: TcpStream, kept: &Mutex<Vec<String>>) -> Option<()> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        request.extend(byte);
    }
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    request.extend(body);
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(String::from_utf8_lossy(&request).into_owned());
    let answer = match head.split(' ').take(2).collect::<Vec<_>>()[..] {
        ["post", "/orders"] => "201 Created\r\nlocation: /orders/1\r\ncontent-length: 2\r\n\r\nok",
        ["get", "/orders/1"] => "200 OK\r\ncontent-length: 6\r\n\r\na cord",
        [_, "/hang"] => return stream.read_exact(&mut byte).ok(),
        // It was heard, and the line breaks.
        [_, "/break"] => return None,
        _ => "404 Not Found\r\ncontent-length: 0\r\n\r\n",
    };
    stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).ok()
}

/// A centre with both probes, `config` in the host's file, and the shop granted if told.
fn centre(config: &str, shop: &Shop, granted: bool) -> Result<Centre> {
    let centre = Centre::start(HostOptions { config: config.into(), ..HostOptions::default() })?;
    centre.queue(SUPPORT, json!({}))?;
    centre.api.upload("probe-fetch")?;
    if granted {
        grant(&centre, shop)?;
    }
    deploy(&centre, shop, "plain", false)?;
    centre.entry_point(
        "shop",
        &["order-ask", "twice-orders/1", "get-hang", "post-hang", "post-break", "tour-ask"],
        "shop",
    )?;
    Ok(centre)
}

fn grant(centre: &Centre, shop: &Shop) -> Result<Value> {
    let place = json!({ "host": "127.0.0.1", "port": shop.port(), "methods": ["GET", "POST"], "private": true });
    centre.api.put("/v1/plugins/probe-fetch/grants", json!({ "egress": [place] }))
}

/// Deploys the probe in a mode; its version.
fn deploy(centre: &Centre, shop: &Shop, mode: &str, migrate: bool) -> Result<String> {
    let config = json!({ "base": shop.url, "token": TOKEN, "mode": mode, "timeout-ms": "400" });
    let body = json!({
        "plugin": digest(centre, "probe-fetch")?,
        "config": config,
        "migration": if migrate { "migrate" } else { "pin" },
    });
    version(&centre.api.put("/v1/deployments/shop", body)?)
}

fn digest(centre: &Centre, name: &str) -> Result<Value> {
    let plugins = centre.api.get("/v1/plugins")?;
    let found = plugins["plugins"].as_array().into_iter().flatten().find(|plugin| plugin["name"] == name);
    Ok(found.context("the probe")?["digest"].clone())
}

fn version(deployment: &Value) -> Result<String> {
    Ok(deployment["version"].as_str().context("a version")?.to_owned())
}

fn call<'a>(wire: &'a Wire, events: &mut Stream, dialled: &str) -> Result<(WireCall<'a>, String)> {
    let call = wire.call(dialled)?;
    let contact = events.call_of(CALLER, SOON)?;
    Ok((call, contact))
}

/// The value that a flow reports under a name.
fn reported(events: &mut Stream, contact: &str, name: &str) -> Result<String> {
    let told = events.wait(SOON, |told| told.contact() == contact && told.text("/name") == name)?;
    Ok(told.text("/value").to_owned())
}

#[test]
fn a_request_is_sent_once_with_its_secret_and_never_again_whoever_takes_the_call_over() -> Result<()> {
    let shop = Shop::open()?;
    let centre = centre("[plugins]\nhibernate_after_s = 1\n", &shop, true)?;
    let first = version(&centre.api.get("/v1/deployments/shop")?)?;
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), CALLER)?;
    let (mut call, contact) = call(&wire, &mut events, "order-ask")?;
    call.answered(SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    let heard = shop.heard();
    ensure!(heard.len() == 2 && heard[1].starts_with("GET /orders/1 HTTP/1.1\r\n"), "{heard:?}");
    let order = heard[0].to_ascii_lowercase();
    ensure!(
        order.starts_with("post /orders http/1.1\r\n") && order.ends_with("\r\n\r\n{\"what\":\"a cord\"}"),
        "{order}"
    );
    ensure!(order.contains(&format!("\r\nauthorization: bearer {TOKEN}\r\n")), "{order}");
    let key = format!("\r\nidempotency-key: {}-0\r\n", contact.to_ascii_lowercase());
    ensure!(order.contains(&key) && !heard[1].contains("dempotency"), "{order}, not {key}");

    // Another version takes over while it sleeps, it wakes, sleeps and wakes, and the journal is gone through once more:
    // none of it is heard.
    let asleep =
        |centre: &Centre| centre.api.until(&format!("/v1/contacts/{contact}"), SOON, |view| view["asleep"] == true);
    asleep(&centre)?;
    let second = deploy(&centre, &shop, "more", true)?;
    events.wait_for("contact.migrated", &contact, SOON)?;
    call.rtp.press("3");
    events.wait(SOON, |told| told.contact() == contact && told.text("/value") == "card")?;
    asleep(&centre)?;
    call.rtp.press("9");
    let record = centre.record(&contact)?;
    ensure!(record["versions"] == json!([first, second]), "{record}");
    ensure!(record["attributes"]["ordered"] == "201 location=/orders/1 2 ok", "{record}");
    ensure!(record["attributes"]["order"] == "200 6 a cord", "{record}");
    let centre = centre.crash()?;
    let replayed = centre.api.post(&format!("/v1/contacts/{contact}/replay"), &json!({}))?;
    ensure!(replayed["agreed"] == true, "{replayed}");
    ensure!(shop.heard().len() == 2, "{:?}", shop.heard());

    let journal = centre.api.get(&format!("/v1/contacts/{contact}/journal"))?;
    let fetch = &journal["entries"][0];
    ensure!(fetch["request"] == "fetch" && fetch["args"]["method"] == "POST", "{fetch}");
    let secret = json!({ "name": "authorization", "prefix": "Bearer ", "config": "token" });
    ensure!(fetch["args"]["headers"][1] == secret, "{fetch}");
    ensure!(fetch["outcome"]["value"]["body"]["text"] == "ok", "{fetch}");
    let told: Vec<String> = events.so_far().iter().map(|told| told.event.to_string()).collect();
    for text in [journal.to_string(), record.to_string(), told.join("\n"), centre.host.log_tail()] {
        ensure!(!text.contains(TOKEN), "the secret is kept: {text}");
    }
    Ok(())
}

#[test]
fn what_is_not_granted_is_not_sent_from_the_next_request_on() -> Result<()> {
    let shop = Shop::open()?;
    let centre = centre("", &shop, false)?;
    let missing = centre.api.get("/v1/deployments/shop")?["missing_grants"].clone();
    ensure!(missing[0]["detail"] == "GET,HEAD,POST,DELETE http(s)://*:*", "{missing}");
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), CALLER)?;
    for (granted, first) in [(false, "FetchError::NotGranted"), (true, "200 6 a cord")] {
        if granted {
            grant(&centre, &shop)?;
        }
        events.forget();
        let (mut call, contact) = call(&wire, &mut events, "twice-orders/1")?;
        ensure!(reported(&mut events, &contact, "first")? == first, "{granted}");
        call.answered(SOON)?;
        events.wait_for("contact.asked", &contact, SOON)?;
        if granted {
            // In the middle of the call.
            ensure!(centre.api.try_delete("/v1/plugins/probe-fetch/grants")?.is_ok(), "taken back");
        }
        call.rtp.press("1");
        ensure!(reported(&mut events, &contact, "second")? == "FetchError::NotGranted", "{granted}");
        let told = events.wait(SOON, |told| told.kind() == "plugin.capability-refused")?;
        ensure!(told.text("/plugin") == "probe-fetch" && told.text("/capability") == "egress", "{}", told.event);
        ensure!(told.text("/detail") == format!("GET {}", shop.url), "{}", told.event);
        ensure!(centre.record(&contact)?["end"]["reason"] == "completed", "the flow goes on");
    }
    ensure!(shop.heard().len() == 1, "{:?}", shop.heard());
    Ok(())
}

#[test]
fn a_shop_that_does_not_answer_ends_no_call_and_whoever_hangs_up_waits_for_nothing() -> Result<()> {
    let shop = Shop::open()?;
    let centre = centre("", &shop, true)?;
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), CALLER)?;
    for (dialled, expected) in [
        ("get-hang", "FetchError::Timeout"),
        ("post-hang", "FetchError::Timeout"),
        ("post-break", "FetchError::UnknownOutcome"),
    ] {
        let (_call, contact) = call(&wire, &mut events, dialled)?;
        ensure!(reported(&mut events, &contact, "fetched")? == expected, "{dialled}");
        ensure!(centre.record(&contact)?["end"]["detail"] == expected, "{dialled}");
    }
    ensure!(shop.heard().len() == 3, "each was sent once: {:?}", shop.heard());

    let body = json!({
        "plugin": digest(&centre, "probe-fetch")?,
        "config": { "base": shop.url, "token": TOKEN, "timeout-ms": "60000" },
    });
    centre.api.put("/v1/deployments/shop", body)?;
    let (calling, contact) = call(&wire, &mut events, "post-hang")?;
    shop.until_heard(4)?;
    calling.cancel()?;
    let record = centre.record(&contact)?;
    ensure!(record["end"]["reason"] == "cancelled", "{record}");
    let journal = centre.journal(&contact)?;
    ensure!(journal[0]["request"] == "fetch" && journal[0]["outcome"]["value"]["error"] == "ended", "{journal:?}");
    Ok(())
}

#[test]
fn calls_of_a_flow_built_for_0_1_0_go_over_to_one_built_for_0_2_0() -> Result<()> {
    let shop = Shop::open()?;
    let centre = centre("", &shop, true)?;
    centre.api.upload("probe-flow")?;
    let contract = |name| -> Result<Value> {
        let digest = digest(&centre, name)?;
        Ok(centre.api.get(&format!("/v1/plugins/{}", digest.as_str().unwrap_or_default()))?["contract"].clone())
    };
    ensure!(contract("probe-flow")? == "cordboard:flow@0.1.0" && contract("probe-fetch")? == "cordboard:flow@0.2.0");
    let old = json!({ "plugin": digest(&centre, "probe-flow")?, "config": { "mode": "plain" } });
    let old = version(&centre.api.put("/v1/deployments/shop", old)?)?;
    let mut events = centre.events()?;
    let wire = Wire::open(centre.host.sip(), CALLER)?;
    let (mut call, contact) = call(&wire, &mut events, "tour-ask")?;
    call.answered(SOON)?;
    events.wait_for("contact.asked", &contact, SOON)?;
    let new = deploy(&centre, &shop, "more", true)?;
    let told = events.wait_for("contact.migrated", &contact, SOON)?;
    ensure!(told.text("/from") == old && told.text("/to") == new, "{}", told.event);
    call.rtp.press("3");
    events.wait(SOON, |told| told.contact() == contact && told.text("/value") == "card")?;
    call.rtp.press("9");
    let record = centre.record(&contact)?;
    ensure!(record["versions"] == json!([old, new]) && record["attributes"]["answered-by"] == "more", "{record}");
    let replayed = centre.api.post(&format!("/v1/contacts/{contact}/replay"), &json!({}))?;
    ensure!(replayed["agreed"] == true && replayed["version"] == new.as_str(), "{replayed}");
    Ok(())
}
