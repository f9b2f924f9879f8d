//! When instances are put to sleep (journal rule 17): after they waited for a while, and earlier where room or memory
//! gets short. What is wanted is told to the board, which knows who waits.

use super::BoardHandle;
use cordboard_core::board::Input;
use cordboard_plugin::PluginHost;
use std::time::Duration;

/// How often room and memory are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// With this share of the room taken, in eighths, some is made.
const FULL_EIGHTHS: u32 = 7;
/// Under pressure, who waits so long is put to sleep.
const PRESSED_IDLE_MS: u64 = 250;
/// At most so many at a time: waking is cheap, but not free.
const AT_ONCE: u32 = 256;
/// Without pressure, every so many looks.
const IDLE_LOOKS: u64 = 10;

/// What is allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Who waits so long sleeps, room or not. 0: never.
    pub idle_ms: u64,
    /// Linear memory of all flow instances together, in bytes.
    pub memory_bytes: u64,
}

/// Looks after it until the board has stopped.
pub(crate) async fn follow(board: BoardHandle, plugins: PluginHost, bounds: Bounds) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut look = 0_u64;
    loop {
        looks.tick().await;
        look += 1;
        let excess = excess(plugins.flow_instances(), plugins.capacity().flow_instances, plugins.flow_memory(), bounds);
        let wanted = if excess > 0 {
            Input::Hibernate { idle_ms: PRESSED_IDLE_MS, at_most: excess.min(AT_ONCE) }
        } else if bounds.idle_ms > 0 && look.is_multiple_of(IDLE_LOOKS) {
            Input::Hibernate { idle_ms: bounds.idle_ms, at_most: AT_ONCE }
        } else {
            continue;
        };
        if board.tell(wanted).await.is_err() {
            return;
        }
    }
}

/// How many instances too many there are.
fn excess(instances: u32, capacity: u32, memory_bytes: u64, bounds: Bounds) -> u32 {
    let full = (u64::from(capacity) * u64::from(FULL_EIGHTHS) / 8).max(1);
    // A little more than needed, so that the next calls find room.
    let room = u64::from(instances).saturating_sub(full);
    let room = if room > 0 { room + u64::from(capacity) / 16 + 1 } else { 0 };
    let each = memory_bytes.checked_div(u64::from(instances)).unwrap_or(0).max(1);
    let memory = memory_bytes.saturating_sub(bounds.memory_bytes).div_ceil(each);
    u32::try_from(room.max(memory)).unwrap_or(u32::MAX).min(instances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_before_it_is_gone_and_memory_when_it_is_over() {
        let bounds = Bounds { idle_ms: 0, memory_bytes: 1_000 };
        for (instances, capacity, memory_bytes, expected) in [
            (0, 100, 0, 0),
            (87, 100, 0, 0),
            (88, 100, 0, 1 + 6 + 1),
            (100, 100, 0, 13 + 6 + 1),
            (10, 100, 1_000, 0),
            (10, 100, 2_000, 5),
            (10, 100, 1_001, 1),
            (1, 1, 0, 0),
            (4, 100, u64::MAX, 4),
        ] {
            assert_eq!(excess(instances, capacity, memory_bytes, bounds), expected, "{instances} {memory_bytes}");
        }
    }
}
