//! Requests of flows to places outside: between the board and the plugin room, off the board's task.

use super::perform::Parts;
use cordboard_core::board::{Fetch, Input};
use cordboard_plugin::FetchOrder;
use std::time::Duration;

/// Sends it elsewhere; the board hears of it as `Input::Fetched`. Whoever waited may be gone by then: what acts was sent
/// all the same.
pub(super) fn fetch(parts: &Parts, wanted: Fetch) {
    let (plugins, board) = (parts.plugins.clone(), parts.board.clone());
    let Fetch { fetch, version, request, idempotency_key, timeout_ms, .. } = wanted;
    let order = FetchOrder { request, idempotency_key, timeout: Duration::from_millis(timeout_ms.into()) };
    tokio::spawn(async move {
        let result = plugins.fetch(version, order).await;
        // The board has stopped: nobody waits any more.
        let _ = board.tell(Input::Fetched { fetch, result }).await;
    });
}
