//! The library's transactions, spoken to in our messages. Only this file, `endpoint` and
//! `socket` name the library.

use crate::endpoint::Shared;
use crate::wire::{Message, Start};
use rsipstack::sip::{Request, Response, SipMessage, StatusCode};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::SipAddr;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Whether the library can read a message and name its transaction: what would be lost inside it, or would panic
/// there, is known here first.
pub(crate) fn parse_for_library(bytes: &[u8]) -> bool {
    catch_unwind(AssertUnwindSafe(|| match SipMessage::try_from(bytes) {
        Ok(SipMessage::Request(request)) => TransactionKey::from_request(&request, TransactionRole::Server).is_ok(),
        Ok(SipMessage::Response(response)) => TransactionKey::from_response(&response, TransactionRole::Client).is_ok(),
        Err(_) => false,
    }))
    .unwrap_or(false)
}

/// A transaction of the library. Boxed: a leg holds up to three, and is a future itself.
pub(crate) type Held = Box<Transaction>;

/// What a transaction brought.
pub(crate) enum Received {
    /// A request: ACK or CANCEL.
    Request(Message),
    /// A response.
    Response(Message),
}

fn address(to: SocketAddr) -> SipAddr {
    SipAddr { r#type: Some(rsipstack::sip::Transport::Udp), addr: to.into() }
}

/// Begins a client transaction: sends the request and keeps sending it.
pub(crate) async fn begin(shared: &Shared, message: &Message, to: SocketAddr) -> Option<Held> {
    let request = Request::try_from(message.to_bytes()).ok()?;
    let key = TransactionKey::from_request(&request, TransactionRole::Client).ok()?;
    let mut transaction =
        Box::new(Transaction::new_client(key, request, shared.endpoint.clone(), Some(shared.connection.clone())));
    transaction.destination = Some(address(to));
    transaction.send().await.ok()?;
    Some(transaction)
}

/// A whole client transaction. `None`: it could not be begun. No final response in time (RFC 3261 timers B and F) is
/// a 408 without a To tag. A 2xx to INVITE is for the caller to acknowledge.
pub(crate) async fn request(shared: &Shared, message: &Message, to: SocketAddr) -> Option<Message> {
    let mut transaction = begin(shared, message, to).await?;
    loop {
        match receive(&mut transaction).await? {
            Received::Response(response) if response.code().is_some_and(|code| code >= 200) => return Some(response),
            Received::Response(_) | Received::Request(_) => {}
        }
    }
}

/// The next message of a transaction. `None`: it is over.
///
/// Safe in `select!`: the library's own warning is about sends that wait, and our socket's never do.
pub(crate) async fn receive(transaction: &mut Transaction) -> Option<Received> {
    loop {
        let received = transaction.receive().await?;
        let read = match &received {
            SipMessage::Request(request) => Message::parse(&request.to_bytes()).map(Received::Request),
            SipMessage::Response(response) => Message::parse(&response.to_bytes()).map(|mut read| {
                // The library writes its own phrases.
                if let (Some(phrase), Start::Response { reason, .. }) = (&response.wire_reason, &mut read.start) {
                    reason.clone_from(phrase);
                }
                Received::Response(read)
            }),
        };
        if let Ok(read) = read {
            return Some(read);
        }
    }
}

/// Keeps a transaction that was answered until it is over.
pub(crate) async fn drain(mut transaction: Held) {
    while receive(&mut transaction).await.is_some() {}
}

/// As [`receive`], never if there is none.
pub(crate) async fn receive_if(transaction: &mut Option<Held>) -> Option<Received> {
    match transaction {
        Some(transaction) => receive(transaction).await,
        None => std::future::pending().await,
    }
}

/// The request that began a server transaction.
pub(crate) fn original(transaction: &Transaction) -> Option<Message> {
    Message::parse(&transaction.original.to_bytes()).ok()
}

/// Sends a response.
pub(crate) async fn respond(transaction: &mut Transaction, response: &Message) {
    let mut response = match Response::try_from(response.to_bytes()) {
        Ok(response) => response,
        Err(cause) => return tracing::error!(%cause, "a response of ours can't be read by the library"),
    };
    if let Some(phrase) = response.wire_reason.take() {
        response.status_code = StatusCode::Other(response.status_code.code(), phrase);
    }
    if let Err(cause) = transaction.respond(response).await {
        tracing::debug!(%cause, "a response could not be sent");
    }
}
