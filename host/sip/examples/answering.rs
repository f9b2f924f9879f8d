//! Answers every call from 127.0.0.1, so that SIPp can load the signalling alone; counters once a second.
//!
//! `cargo run --example answering -- 127.0.0.1:5070 1000`, then `sipp -sn uac 127.0.0.1:5070 -r 200`.
#![allow(clippy::print_stdout, missing_docs)]

use cordboard_sip::{Credentials, Peer, SipConfig, SipEvent, SipStack, Trunk};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

struct Nobody;

impl Credentials for Nobody {
    fn ha1(&self, _user: &str, _realm: &str) -> Option<String> {
        None
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let bind = arguments.next().unwrap_or_else(|| "127.0.0.1:5070".into()).parse()?;
    let calls_per_second = arguments.next().unwrap_or_else(|| "1000".into()).parse()?;
    let peers = vec![Peer::host(IpAddr::V4(Ipv4Addr::LOCALHOST))];
    let trunks = vec![Trunk { name: "sipp".into(), peers }];
    let (sender, mut events) = tokio::sync::mpsc::channel(1_024);
    let config = SipConfig { bind, trunks, calls_per_second, ..SipConfig::default() };
    let sip = SipStack::start(config, Arc::new(Nobody), sender).await?;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = second.tick() => {
                let counters = sip.counters();
                let named: Vec<_> = counters.totals().chain(counters.gauges()).filter(|(_, count)| *count > 0).collect();
                println!("{named:?}");
            }
            event = events.recv() => match event {
                Some(SipEvent::Incoming { call, .. }) => {
                    sip.ring(call, None);
                    sip.answer(call, SDP.into());
                }
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}
