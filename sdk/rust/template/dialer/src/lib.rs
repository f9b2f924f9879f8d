//! {{name}}: calls as many people as will be answered when agents are free, and fewer the more calls were abandoned.

use cordboard_sdk::config;
use cordboard_sdk::dialer::*;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

struct {{Name}} {
    max_attempts: u32,
}
cordboard_sdk::dialer!({{Name}});

impl Dialer for {{Name}} {
    fn configure(_offered: &[String]) -> Result<(Self, Selection), ConfigureError> {
        let max_attempts = config::parse_or("max-attempts", 5).map_err(ConfigureError::Invalid)?;
        let selection = Selection { columns: vec![], reasons: vec!["calls for each free agent".into()] };
        Ok((Self { max_attempts }, selection))
    }

    fn propose(&self, figures: &Figures, leads: &[Lead]) -> Result<Proposal, DialError> {
        let pace = pace(figures);
        let free = figures.agents_ready as f32 + if pace > 1.0 { figures.agents_expected } else { 0.0 };
        let dial = (free * pace) as u32;
        let mut order: Vec<&Lead> = leads.iter().filter(|lead| lead.attempts < self.max_attempts).collect();
        // Promises first, then whom we tried least.
        order.sort_by_key(|lead| (lead.promised_ms.is_none(), lead.promised_ms, lead.attempts));
        Ok(Proposal {
            dial: dial.saturating_sub(figures.ringing + figures.waiting).min(figures.most),
            order: order.into_iter().map(|lead| lead.id.clone()).collect(),
            again_ms: 2_000,
            reasons: vec![pace],
        })
    }

    fn retry(&self, lead: &Lead, ended: &Outcome, _now_ms: u64) -> Result<NextTry, DialError> {
        if lead.attempts >= self.max_attempts {
            return Ok(NextTry::Never(format!("tried {} times", lead.attempts)));
        }
        Ok(match ended {
            Outcome::Busy => NextTry::after(10 * MINUTE),
            Outcome::NoAnswer | Outcome::Machine => NextTry::after(240 * MINUTE),
            Outcome::Abandoned | Outcome::Failed(_) | Outcome::Other(_) => NextTry::after(60 * MINUTE),
            Outcome::Talked => NextTry::Never("talked".into()),
            Outcome::Fax | Outcome::Rejected | Outcome::Unreachable(_) => NextTry::Never(format!("{ended:?}")),
        })
    }
}

/// How many people to call for each agent who is or becomes free.
fn pace(figures: &Figures) -> f32 {
    match figures.mode {
        Mode::Power => figures.ratio.unwrap_or(1.0),
        Mode::Predictive => {
            let answered = figures.answer_rate.unwrap_or(1.0).max(0.1);
            // At the cap of abandoned calls, one call for each agent is all there is.
            let room = (1.0 - figures.abandon_rate / figures.abandon_cap.max(0.001)).clamp(0.0, 1.0);
            1.0 + (1.0 / answered - 1.0) * room
        }
        Mode::Preview | Mode::Progressive | Mode::Other(_) => 1.0,
    }
}
