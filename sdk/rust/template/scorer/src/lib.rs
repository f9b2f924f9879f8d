//! {{name}}: agents who have the skills that are needed, the best skilled and longest idle first.

use cordboard_sdk::config;
use cordboard_sdk::scorer::*;

struct {{Name}} {
    /// What is needed beside what there is, skill by skill.
    skills: Vec<(Column, Column)>,
    idle_ms: Column,
    skill_weight: f32,
}
cordboard_sdk::scorer!({{Name}});

impl Scorer for {{Name}} {
    fn configure(columns: &mut Columns) -> Result<Self, ConfigureError> {
        columns.parts(&["skill", "idle"]);
        Ok(Self {
            skills: columns.skills(),
            idle_ms: columns.agent("idle-ms")?,
            skill_weight: config::parse_or("skill-weight", 10.0).map_err(ConfigureError::Invalid)?,
        })
    }

    fn score(&self, contact: Row<'_>, agent: Row<'_>, parts: &mut [f32]) -> Option<f32> {
        let mut beyond = 0.0;
        for (needed, has) in &self.skills {
            let Some(needed) = contact.get(*needed) else { continue };
            let has = agent.get(*has)?;
            if has < needed {
                return None;
            }
            beyond += has - needed;
        }
        let skill = beyond * self.skill_weight;
        let idle = agent.get(self.idle_ms).unwrap_or(0.0) / 1000.0;
        parts.copy_from_slice(&[skill, idle]);
        Some(skill + idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lacks_a_skill_is_refused_and_the_others_are_ranked() {
        let agents: [&[f32]; 3] = [&[5.0, 1000.0], &[3.0, 5000.0], &[1.0, 90_000.0]];
        let scored = rank::<{{Name}}>(&["needs:german"], &[3.0], &["skill:german", "idle-ms"], &agents).unwrap();
        assert_eq!(scored, [Some(21.0), Some(5.0), None]);
    }
}
