//! What the centre is set up with, and what its operators change.

use crate::plan::Plan;
use crate::random::Random;
use cordboard_core::board::Input;
use cordboard_core::config::{Agent, Deployment, EntryPoint, MigrationPolicy, Queue, Settings, World};
use cordboard_core::flow::SkillRequirement;
use cordboard_core::ids::{AgentId, DeploymentName, Digest, EntryPointName, QueueName, Version};
use cordboard_core::rollout::{
    self, Condition, Figure, Guard, Measure, Rollout, Rule, Share, Stage, Sticky, Until, Verdict,
};
use cordboard_core::time::Timestamp;

/// The documents, as last put.
#[derive(Clone, Debug, Default)]
pub(super) struct Setup {
    pub(super) agents: Vec<Agent>,
    pub(super) queues: Vec<Queue>,
    pub(super) entry_points: Vec<EntryPoint>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) settings: Settings,
    versions: u64,
}

const FLOWS: [&str; 3] = ["reception", "hotline", "survey"];
/// Takes over where a flow failed.
const SAFE: &str = "safe";
const SCORERS: [&str; 2] = ["skills", "loyal"];

impl Setup {
    pub(super) fn new(plan: &Plan, random: &mut Random) -> Self {
        let mut setup = Self::default();
        let worlds =
            FLOWS.iter().map(|name| (name, World::Flow)).chain(SCORERS.iter().map(|name| (name, World::Scorer)));
        for (name, world) in worlds.chain([(&"bank", World::Crm), (&SAFE, World::Flow)]) {
            if let Ok(name) = DeploymentName::new(*name) {
                let version = setup.fresh_version();
                setup.deployments.push(Deployment::new(name, world, version));
            }
        }
        let queues = (0..plan.queues).filter_map(|number| queue(number, plan)).collect::<Vec<_>>();
        setup.agents = (0..plan.agents).filter_map(|number| agent(number, &queues, random)).collect();
        setup.entry_points = (0..3).filter_map(|number| entry_point(number, &queues)).collect();
        setup.settings = Settings {
            default_queue: queues.first().map(|queue| queue.name.clone()),
            default_directory: DeploymentName::new("bank").ok(),
            max_contacts: plan.max_contacts,
            ..Settings::default()
        };
        setup.queues = queues;
        setup
    }

    pub(super) fn fresh_version(&mut self) -> Version {
        self.versions += 1;
        Digest::of(&self.versions.to_be_bytes())
    }

    /// All of it, as the board is told it first.
    pub(super) fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![Input::PutSettings(self.settings.clone())];
        inputs.extend(self.deployments.iter().cloned().map(Input::PutDeployment));
        inputs.extend(self.queues.iter().cloned().map(Input::PutQueue));
        inputs.extend(self.entry_points.iter().cloned().map(Input::PutEntryPoint));
        inputs.extend(self.agents.iter().cloned().map(Input::PutAgent));
        inputs
    }

    /// What an operator does, and what undoes it after a while.
    pub(super) fn change(&mut self, plan: &Plan, random: &mut Random) -> Option<(Input, Option<Input>)> {
        match random.below(14) {
            // Hot swaps are what this is about.
            0..=5 => {
                let fresh = self.fresh_version();
                let number = self.versions;
                let at = usize::try_from(random.below(self.deployments.len() as u64)).ok()?;
                let deployment = self.deployments.get_mut(at)?;
                let before = deployment.version;
                // Now and then back to the one before, or the same once more.
                deployment.version = match random.below(10) {
                    0 | 1 => deployment.previous.unwrap_or(fresh),
                    2 => before,
                    _ => fresh,
                };
                deployment.previous = random.chance(800).then_some(before).filter(|_| before != deployment.version);
                deployment.ask_anew = random.chance(plan.migrating);
                let along = random.chance(plan.migrating);
                deployment.migration = if along { MigrationPolicy::Migrate } else { MigrationPolicy::Pin };
                deployment.rollout = random.chance(400).then(|| Box::new(canary(number, fresh, random)));
                Some((Input::PutDeployment(deployment.clone()), None))
            }
            6 => {
                let gone = random.pick(&self.deployments)?.clone();
                Some((Input::RemoveDeployment(gone.name.clone()), Some(Input::PutDeployment(gone))))
            }
            7 => {
                let gone = random.pick(&self.queues)?.clone();
                Some((Input::RemoveQueue(gone.name.clone()), Some(Input::PutQueue(gone))))
            }
            8 => {
                let at = usize::try_from(random.below(self.queues.len() as u64)).ok()?;
                let queue = self.queues.get_mut(at)?;
                queue.offer_timeout_ms = random.between(1_000, 20_000) as u32;
                queue.max_waiting = random.between(1, 40) as u32;
                queue.scorer = random.chance(500).then(|| DeploymentName::new(*random.pick(&SCORERS)?).ok()).flatten();
                Some((Input::PutQueue(queue.clone()), None))
            }
            9 => {
                let gone = random.pick(&self.agents)?.clone();
                Some((Input::RemoveAgent(gone.id.clone()), Some(Input::PutAgent(gone))))
            }
            10 => {
                let at = usize::try_from(random.below(self.agents.len() as u64)).ok()?;
                let agent = self.agents.get_mut(at)?;
                agent.skills.insert(format!("s{}", random.below(3)), random.between(1, 5) as u8);
                Some((Input::PutAgent(agent.clone()), None))
            }
            11 => {
                let gone = random.pick(&self.entry_points)?.clone();
                Some((Input::RemoveEntryPoint(gone.name.clone()), Some(Input::PutEntryPoint(gone))))
            }
            12 => {
                self.settings.default_queue = random.pick(&self.queues).map(|queue| queue.name.clone());
                Some((Input::PutSettings(self.settings.clone()), None))
            }
            _ => {
                let before = Input::PutSettings(self.settings.clone());
                let mut settings = self.settings.clone();
                settings.default_queue = None;
                settings.default_directory = None;
                settings.max_contacts = 3;
                Some((Input::PutSettings(settings), Some(before)))
            }
        }
    }
}

/// A canary whose stages are soon over and whose guards are easily alarmed.
fn canary(id: u64, version: Version, random: &mut Random) -> Rollout {
    let percent = |of: u64| Share::new(of as u16 * 100).unwrap_or_default();
    let until = Some(Until { after_ms: random.between(1_000, 120_000), contacts: random.between(0, 5) as u32 });
    let figures = [Figure::Traps, Figure::Deadlines, Figure::HangUps, Figure::Abandonment, Figure::Descents];
    let measures = figures.map(Measure::Figure).into_iter().chain([
        Measure::SlowSteps { factor_tenths: 20, at_least_ms: 100 },
        Measure::HangUpsIn("q".into()),
        Measure::Attribute("a".into(), None),
    ]);
    let measures: Vec<_> = measures.filter(|_| random.chance(300)).collect();
    let most = random.chance(700).then(|| percent(1));
    let guard = |measure| Guard { measure, margin: Share::NONE, most, minimum: 1 };
    let reception = Condition { queue: Some("support".into()), ..Condition::default() };
    Rollout {
        id,
        version,
        plan: rollout::Plan {
            sticky: if random.chance(500) { Sticky::Caller } else { Sticky::Contact },
            rules: vec![Rule { when: reception, then: Verdict::Stable }],
            stages: [10, 50, 100].map(|share| Stage { share: percent(share), until }).into(),
            guards: measures.into_iter().map(guard).collect(),
            window_ms: 600_000,
            false_alarms: Share::ALL,
        },
        stage: 0,
        since: Timestamp::default(),
    }
}

fn queue(number: u32, plan: &Plan) -> Option<Queue> {
    let skill = SkillRequirement { name: format!("s{}", number % 3), min_level: 1 };
    Some(Queue {
        name: QueueName::new(format!("queue-{number}")).ok()?,
        skills: if number % 4 == 3 { vec![skill] } else { vec![] },
        scorer: if number % 2 == 1 { DeploymentName::new(*SCORERS.get(number as usize / 2 % 2)?).ok() } else { None },
        offer_timeout_ms: 15_000,
        wrap_up_ms: if number % 3 == 2 { 0 } else { plan.wrap_up_ms },
        max_waiting: 30,
        music: number.is_multiple_of(2).then(|| "calm".into()),
        service_level_ms: 20_000,
    })
}

fn agent(number: u32, queues: &[Queue], random: &mut Random) -> Option<Agent> {
    let mut skills = std::collections::BTreeMap::new();
    for skill in 0..3 {
        if random.chance(700) {
            skills.insert(format!("s{skill}"), random.between(1, 5) as u8);
        }
    }
    let some = queues.iter().filter(|_| random.chance(700)).map(|queue| queue.name.clone()).collect();
    Some(Agent {
        id: AgentId::new(format!("agent-{number}")).ok()?,
        name: format!("Agent {number}"),
        skills,
        attributes: [("cost".to_owned(), random.between(0, 9_000) as i64)].into(),
        queues: if number.is_multiple_of(3) { vec![] } else { some },
        auto_ready: !number.is_multiple_of(4),
    })
}

fn entry_point(number: usize, queues: &[Queue]) -> Option<EntryPoint> {
    Some(EntryPoint {
        name: EntryPointName::new(format!("entry-{number}")).ok()?,
        numbers: vec![format!("{}00*", number + 1)],
        deployment: DeploymentName::new(*FLOWS.get(number)?).ok()?,
        safe_flow: if number == 2 { None } else { DeploymentName::new(SAFE).ok() },
        fallback_queue: if number == 1 { queues.last().map(|queue| queue.name.clone()) } else { None },
    })
}
