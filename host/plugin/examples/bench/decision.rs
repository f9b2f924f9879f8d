//! A small decision, ten agents of eight numbers: by a plugin, and by the alternative to a plugin, a webhook on this
//! machine that does the same natively, over one connection kept open.

use crate::{percentiles, tell};
use cordboard_core::ids::Version;
use cordboard_plugin::{PluginHost, ScoreInput};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use skills_scorer::scoring::{Plan, Weights, score_agents};
use std::convert::Infallible;
use std::hint::black_box;
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};

const ASKED: usize = 5000;
const AGENTS: usize = 10;

fn input() -> ScoreInput {
    let common = (0..6).map(|number| format!("attribute-{number}"));
    let columns = |own: [&str; 2]| own.into_iter().map(str::to_owned).chain(common.clone()).collect();
    let number = |at: usize| (at * 7919 % 1000) as f32 / 1000.0;
    ScoreInput {
        contact_columns: columns(["priority", "waited-ms"]),
        agent_columns: columns(["idle-ms", "handled"]),
        contacts: vec![(0..8).map(number).collect()],
        agents: (0..AGENTS * 8).map(number).collect(),
        agent_count: AGENTS,
        with_parts: false,
    }
}

/// The median of a decision through the scorer, in microseconds.
async fn plugin(host: &PluginHost, scorer: Version) -> f64 {
    let mut sample = Vec::with_capacity(ASKED);
    let asked = input();
    for _ in 0..ASKED {
        let input = asked.clone();
        let began = Instant::now();
        black_box(host.score(scorer, input).await.unwrap());
        sample.push(began.elapsed());
    }
    let (p50, p99) = percentiles(sample);
    tell("a decision over 10 agents by 8 numbers", &[("p50", p50, "us"), ("p99", p99, "us")], ASKED);
    p50
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// Scores natively. What both sides know, the columns, is agreed once.
async fn answer(plan: &Plan, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let scored = score_agents(plan, &numbers(&asked["contact"]), &numbers(&asked["agents"]), false).unwrap();
    Ok(Response::new(Full::from(json!({ "scores": scored.rows }).to_string())))
}

/// The plugin's numbers, in the order that was agreed.
fn body(input: &ScoreInput, plan: &Plan) -> String {
    let pick = |columns: &[String], wanted: &[String], row: &[f32]| -> Vec<f32> {
        wanted.iter().map(|name| row[columns.iter().position(|column| column == name).unwrap()]).collect()
    };
    let contact = pick(&input.contact_columns, plan.contact_columns(), &input.contacts[0]);
    let rows = input.agents.chunks(input.agent_columns.len());
    let agents: Vec<f32> = rows.flat_map(|row| pick(&input.agent_columns, plan.agent_columns(), row)).collect();
    json!({ "contact": contact, "agents": agents }).to_string()
}

/// The same decision both ways.
pub(crate) async fn decision(host: &PluginHost, scorer: Version) {
    let plugin_us = plugin(host, scorer).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let input = input();
    let plan = Plan::new(Weights::default(), &input.contact_columns, &input.agent_columns).unwrap();
    let own: &'static Plan = Box::leak(Box::new(plan.clone()));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let serving = hyper::server::conn::http1::Builder::new();
        let answering = service_fn(|request| answer(own, request));
        serving.serve_connection(TokioIo::new(stream), answering).await.unwrap();
    });
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut sample = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        sender.ready().await.unwrap();
        let began = Instant::now();
        let request = Request::post("/decide").header("host", "localhost").header("content-type", "application/json");
        let request = request.body(Full::<Bytes>::from(body(&input, &plan))).unwrap();
        let response = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&response).unwrap();
        assert_eq!(black_box(numbers(&answer["scores"])).len(), AGENTS);
        sample.push(began.elapsed());
    }
    let (p50, p99) = percentiles(sample);
    let figures = [("p50", p50, "us"), ("p99", p99, "us"), ("against the plugin", p50 / plugin_us, "times")];
    tell("the same decision by a webhook on this machine", &figures, ASKED);
}
