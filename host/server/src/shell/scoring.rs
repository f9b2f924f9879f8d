//! Asking a scorer: between the board's rows and the plugin's.

use super::perform::Parts;
use cordboard_core::board::Input;
use cordboard_core::decision::{PairScore, ScoreAnswer, ScoreRequest};
use cordboard_plugin::ScoreInput;

/// Asks the scorer elsewhere; the board hears of it as `Input::Scored`.
pub(super) fn score(parts: &Parts, request: ScoreRequest) {
    let (plugins, board) = (parts.plugins.clone(), parts.board.clone());
    tokio::spawn(async move {
        let agent_count = request.agents.len();
        let input = ScoreInput {
            contact_columns: request.columns.contact,
            agent_columns: request.columns.agent,
            contacts: request.contacts,
            agents: request.agents.concat(),
            agent_count,
            with_parts: true,
        };
        let result = match plugins.score(request.version, input).await {
            Ok(scored) => Ok(ScoreAnswer {
                scores: scored.rows.into_iter().map(|row| pairs(row, scored.part_names.len())).collect(),
                parts: scored.part_names.to_vec(),
            }),
            Err(cause) => Err(cause.to_string()),
        };
        // The board has stopped: nobody waits any more.
        let _ = board.tell(Input::Scored { decision: request.decision, result }).await;
    });
}

fn pairs(row: cordboard_plugin::ScoreRow, parts: usize) -> Vec<PairScore> {
    let mut explained = row.parts.chunks(parts.max(1));
    row.scores
        .into_iter()
        .map(|score_milli| PairScore { score_milli, parts: explained.next().unwrap_or_default().to_vec() })
        .collect()
}
