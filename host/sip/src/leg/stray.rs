//! A 2xx to our INVITE that nobody wants: another branch of a forking proxy answered too (RFC 3261 §13.2.2.4).

use super::dialog::Dialog;
use crate::endpoint::Shared;
use crate::transactions::request;
use crate::wire::Message;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Acknowledges and ends each.
pub(crate) async fn end_all(shared: Arc<Shared>, mut strays: mpsc::Receiver<(Message, SocketAddr)>) {
    loop {
        let next = tokio::select! {
            () = shared.stop.cancelled() => return,
            next = strays.recv() => next,
        };
        let Some((answer, source)) = next else { return };
        // Its own headers are the INVITE's, but for Contact.
        let Some(mut dialog) = Dialog::of_client(&answer, &answer, source, true) else { continue };
        let to = dialog.destination().await;
        shared.wire.send(&dialog.ack(&shared, dialog.local_seq).to_bytes(), to);
        let bye = dialog.request(&shared, "BYE");
        let task = shared.clone();
        shared.tasks.spawn(async move { request(&task, &bye, to).await });
    }
}
