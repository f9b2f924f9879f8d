//! Canaries on the board: who gets which version, what is seen of them, and what follows from it.

use super::admission::number_of;
use super::contact::{Contact, Parked, Rung};
use super::out::Out;
use super::speech::Speech;
use super::timers::Timer;
use super::{Board, Effect};
use crate::config::{Deployment, World};
use crate::flow::Address;
use crate::ids::{ContactId, DeploymentName, QueueName, Version};
use crate::rollout::{Arm, Breach, Figure, Mark, Rollout, RolloutStep, Stepped, Subject, Trial, Watch, Watched};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// So often a canary's steps that aren't over are looked at, in milliseconds: a version that hangs is not waited for.
pub(super) const STEPS_EVERY_MS: u64 = 250;

/// A contact's part in a canary, on whichever side.
pub(super) type Part = (DeploymentName, Trial);

/// All canaries.
#[derive(Debug, Default)]
pub(super) struct Rollouts {
    watches: BTreeMap<DeploymentName, Watch>,
    /// The latest attempt that is over: it doesn't come back with a document that was on its way.
    ended: BTreeMap<DeploymentName, u64>,
    /// Where something was seen.
    seen: BTreeSet<DeploymentName>,
}

impl Rollouts {
    pub(super) fn mark(&mut self, part: &mut Option<Part>, mark: Mark<'_>) {
        let Some((name, trial)) = part else { return };
        let Some(watch) = self.watches.get_mut(name) else { return };
        watch.mark(trial, mark);
        if trial.arm == Arm::Canary && !self.seen.contains(name) {
            self.seen.insert(name.clone());
        }
    }
}

impl Contact {
    /// The version that goes on where this one's failed (journal rule 16): what it ran before, else what its deployment
    /// calls stable. A canary's is what it is tried beside.
    pub(super) fn last_good(&self, deployment: Option<&Deployment>) -> Option<Version> {
        let canary = self.part.as_ref().is_some_and(|(_, trial)| trial.arm == Arm::Canary);
        let beside = deployment.filter(|_| canary).map(|deployment| deployment.version);
        let own = self.version;
        let found = self.predecessor.into_iter().chain(beside).find(|version| Some(*version) != own);
        found.or_else(|| deployment?.previous).filter(|version| Some(*version) != own)
    }

    /// Its flow computes from now on.
    pub(super) fn step_begins(&mut self, out: &mut Out) {
        let now = out.now;
        self.run_mut().into_iter().for_each(|run| run.step_since = Some(now));
        if let Some((name, Trial { arm: Arm::Canary, .. })) = &self.part {
            out.timers.set_once(Timer::Steps(name.clone()), now.plus_ms(STEPS_EVERY_MS));
        }
    }

    /// The question, if any, that the flow is speaking or pausing in; none if it does something else.
    pub(super) fn speaking(&self) -> Option<Option<&str>> {
        let speaks = self.place.is_none() && self.run().is_some_and(|run| run.tidied.is_none());
        match self.parked().filter(|_| speaks)? {
            Parked::Speech(Speech::Ask(question)) => Some(Some(&question.id)),
            Parked::Ask(ask) => Some(Some(&ask.question().id)),
            Parked::Speech(_) | Parked::Say | Parked::Pause => Some(None),
            Parked::Durable { .. }
            | Parked::Answer
            | Parked::Lookup { .. }
            | Parked::Value { .. }
            | Parked::Fetch { .. }
            | Parked::Wait { .. } => None,
        }
    }
}

impl Board {
    /// Which version of a flow a contact gets; none if the deployment is none.
    pub(super) fn choose_flow(
        &mut self,
        name: &DeploymentName,
        contact: ContactId,
        origin: &Address,
        dialled: &Address,
        attributes: &BTreeMap<String, String>,
    ) -> Option<(Version, Option<Part>)> {
        self.deployments.get(name).filter(|deployment| deployment.world == World::Flow)?;
        let (caller, dialled, at) = (number_of(origin), number_of(dialled), self.out.now);
        self.choose(name, &Subject { contact, caller, dialled, queue: None, attributes, at })
    }

    /// Which version of a scorer or directory is asked for a contact that is there, the first of those a decision is about.
    pub(super) fn choose_for(
        &mut self,
        name: &DeploymentName,
        id: ContactId,
        queue: Option<&QueueName>,
    ) -> Option<(Version, Option<Part>)> {
        let deployment = self.deployments.get(name)?;
        let contact = self.contacts.get(&id).filter(|_| deployment.rollout.is_some());
        // Nothing is copied where there is no canary.
        let Some(contact) = contact else { return Some((deployment.version, None)) };
        let (origin, dialled, attributes) =
            (contact.origin.clone(), contact.dialled.clone(), contact.attributes.clone());
        self.choose(
            name,
            &Subject {
                contact: id,
                caller: number_of(&origin),
                dialled: number_of(&dialled),
                queue: queue.map(QueueName::as_str),
                attributes: &attributes,
                at: self.out.now,
            },
        )
    }

    /// A scorer or a directory answered, or failed in this way.
    pub(super) fn served_by(&mut self, part: &mut Option<Part>, asked_at: Timestamp, failed: Option<Figure>) {
        if part.is_none() {
            return;
        }
        let took_us = u64::try_from(self.out.now.since(asked_at).as_micros()).unwrap_or(u64::MAX);
        self.rollouts.mark(part, Mark::Step { took_us });
        if let Some(figure) = failed {
            self.rollouts.mark(part, Mark::Bad(figure));
            self.rollouts.mark(part, Mark::Bad(Figure::Descents));
        }
        self.rollouts.mark(part, Mark::Over(&BTreeMap::new()));
    }

    /// Which version a deployment gives, and the part in its canary, if it has one.
    pub(super) fn choose(&mut self, name: &DeploymentName, subject: &Subject<'_>) -> Option<(Version, Option<Part>)> {
        let deployment = self.deployments.get(name)?;
        let (Some(rollout), Some(watch)) = (&deployment.rollout, self.rollouts.watches.get_mut(name)) else {
            return Some((deployment.version, None));
        };
        let arm = rollout.arm(&self.tenant, name, subject);
        let version = match arm {
            Arm::Canary => rollout.version,
            Arm::Stable => deployment.version,
        };
        Some((version, Some((name.clone(), watch.begin(arm, subject.at)))))
    }

    /// Something was seen of a contact.
    pub(super) fn seen(&mut self, id: ContactId, mark: Mark<'_>) {
        if let Some(contact) = self.contacts.get_mut(&id) {
            self.rollouts.mark(&mut contact.part, mark);
        }
    }

    /// A flow called, or ended: how long its step took.
    pub(super) fn stepped(&mut self, id: ContactId) {
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let since = contact.run_mut().and_then(|run| run.step_since.take());
        if let Some(since) = since.filter(|_| contact.part.is_some()) {
            let took_us = u64::try_from(self.out.now.since(since).as_micros()).unwrap_or(u64::MAX);
            self.rollouts.mark(&mut contact.part, Mark::Step { took_us });
        }
    }

    /// A canary's steps that aren't over count for as long as they take already.
    pub(super) fn steps_due(&mut self, name: &DeploymentName) {
        let now = self.out.now;
        let mut any = false;
        for contact in self.contacts.values_mut() {
            let Some(since) = contact.run().and_then(|run| run.step_since) else { continue };
            if !matches!(&contact.part, Some((of, Trial { arm: Arm::Canary, .. })) if of == name) {
                continue;
            }
            any = true;
            let took_us = u64::try_from(now.since(since).as_micros()).unwrap_or(u64::MAX);
            self.rollouts.mark(&mut contact.part, Mark::Running { took_us });
        }
        if any {
            self.out.timers.set(Timer::Steps(name.clone()), now.plus_ms(STEPS_EVERY_MS));
        }
    }

    /// A flow failed.
    pub(super) fn failed(&mut self, id: ContactId, kind: &str) {
        let figure = match kind {
            "trap" | "limit" => Figure::Traps,
            "deadline" => Figure::Deadlines,
            _ => return,
        };
        self.seen(id, Mark::Bad(figure));
    }

    /// A contact's part in a canary is over: it ends, or goes on as another flow.
    pub(super) fn part_over(rollouts: &mut Rollouts, contact: &mut Contact) {
        rollouts.mark(&mut contact.part, Mark::Over(&contact.attributes));
        contact.part = None;
    }

    /// The version that a contact is to have by its deployment: the canary's, where it takes part in it.
    pub(super) fn served(&self, contact: &Contact) -> Option<Version> {
        let deployment = self.deployments.get(&contact.deployment)?;
        // Whoever stepped down went to what is stable, or elsewhere.
        let canary = deployment.rollout.as_ref().filter(|rollout| {
            let of_it = |(name, trial): &Part| {
                *name == contact.deployment && trial.arm == Arm::Canary && trial.rollout == rollout.id
            };
            contact.rung == Rung::Own && contact.part.as_ref().is_some_and(of_it)
        });
        Some(canary.map_or(deployment.version, |rollout| rollout.version))
    }

    /// A deployment is about to be replaced: what its canary becomes. An attempt that is over doesn't come back, and one that
    /// went on meanwhile doesn't fall back.
    pub(super) fn admit_rollout(&mut self, new: &mut Deployment) {
        let name = &new.name;
        let ended = self.rollouts.ended.get(name).copied();
        new.rollout.take_if(|rollout| ended.is_some_and(|ended| rollout.id <= ended));
        let running = self.deployments.get(name).and_then(|before| before.rollout.as_ref());
        let same = running.zip(new.rollout.as_mut()).filter(|(running, new)| running.id == new.id);
        if let Some((running, new)) = same {
            if running.stage >= new.stage {
                (new.stage, new.since) = (running.stage, running.since);
            }
            return;
        }
        let over = running.map(|running| running.id);
        if let Some(over) = over {
            self.end_rollout(&new.name.clone(), over);
        }
        if let Some(rollout) = &new.rollout {
            self.rollouts.watches.insert(new.name.clone(), Watch::new(rollout));
            self.loaded.insert(rollout.version);
            self.time_stage(&new.name, rollout);
        }
    }

    fn end_rollout(&mut self, name: &DeploymentName, id: u64) {
        self.rollouts.watches.remove(name);
        self.rollouts.ended.insert(name.clone(), id);
        self.out.timers.cancel(&Timer::Stage(name.clone()));
        self.out.timers.cancel(&Timer::Steps(name.clone()));
    }

    /// A deployment is gone, and its canary with it.
    pub(super) fn drop_rollout(&mut self, removed: &Deployment) {
        if let Some(rollout) = &removed.rollout {
            self.end_rollout(&removed.name, rollout.id);
            self.idle(rollout.version);
            self.retire(rollout.version);
        }
    }

    /// A canary that is over, by whomever: its contacts go back where they agree (journal rule 18), and the others finish
    /// where they are.
    pub(super) fn leave_canary(&mut self, name: &DeploymentName, version: Version) {
        let there = |contact: &&Contact| contact.deployment == *name && contact.version == Some(version);
        let all: Vec<_> = self.contacts.values().filter(there).map(|contact| contact.id).collect();
        all.into_iter().for_each(|id| self.migrate(id));
        self.idle(version);
        self.retire(version);
    }

    fn time_stage(&mut self, name: &DeploymentName, rollout: &Rollout) {
        let until = rollout.plan.stages.get(rollout.stage).and_then(|stage| stage.until);
        match until {
            Some(until) => self.out.timers.set(Timer::Stage(name.clone()), rollout.since.plus_ms(until.after_ms)),
            None => self.out.timers.cancel(&Timer::Stage(name.clone())),
        }
    }

    /// A stage's time is over. If contacts are missing, or something is in doubt, it ends with a contact of the canary.
    pub(super) fn stage_due(&mut self, name: DeploymentName) {
        self.rollouts.seen.insert(name);
    }

    /// After each input: canaries of which something was seen go on, or back. Whether one did.
    pub(super) fn follow_rollouts(&mut self) -> bool {
        let mut any = false;
        while let Some(name) = self.rollouts.seen.pop_first() {
            let now = self.out.now;
            let Some(rollout) = self.deployments.get(&name).and_then(|deployment| deployment.rollout.as_ref()) else {
                continue;
            };
            let Some(watch) = self.rollouts.watches.get_mut(&name) else { continue };
            if let Some(breach) = watch.look(now) {
                self.roll_back(&name, breach);
                any = true;
            } else if rollout
                .plan
                .stages
                .get(rollout.stage)
                .is_some_and(|stage| watch.is_over(stage, rollout.since, now))
            {
                self.advance(&name);
                any = true;
            }
        }
        any
    }

    /// New contacts get the stable version from this moment on.
    fn roll_back(&mut self, name: &DeploymentName, breach: Breach) {
        let Some(rollout) = self.deployments.get_mut(name).and_then(|deployment| deployment.rollout.take()) else {
            return;
        };
        self.tell_step(name, &rollout, Stepped::RolledBack(breach));
        self.end_rollout(name, rollout.id);
        self.leave_canary(name, rollout.version);
    }

    fn advance(&mut self, name: &DeploymentName) {
        let now = self.out.now;
        let Some(deployment) = self.deployments.get_mut(name) else { return };
        let Some(rollout) = &mut deployment.rollout else { return };
        let next = rollout.stage + 1;
        if next < rollout.plan.stages.len() {
            (rollout.stage, rollout.since) = (next, now);
            let rollout = rollout.clone();
            self.tell_step(name, &rollout, Stepped::Advanced(next));
            if let Some(watch) = self.rollouts.watches.get_mut(name) {
                watch.next_stage();
            }
            self.time_stage(name, &rollout);
            return;
        }
        let rollout = rollout.clone();
        let promoted = Deployment {
            version: rollout.version,
            // What can step in is for flows alone.
            previous: (deployment.world == World::Flow).then_some(deployment.version),
            rollout: None,
            ..deployment.clone()
        };
        self.tell_step(name, &rollout, Stepped::Promoted);
        self.put_deployment(promoted);
    }

    fn tell_step(&mut self, name: &DeploymentName, rollout: &Rollout, what: Stepped) {
        let Some(watched) = self.watched(name) else { return };
        let step = RolloutStep { rollout: rollout.id, version: rollout.version, at: self.out.now, what, watched };
        self.out.push(Effect::RolloutStepped(name.clone(), Box::new(step)));
    }

    /// How a deployment's canary does; none if it has none.
    pub(super) fn watched(&self, name: &DeploymentName) -> Option<Watched> {
        Some(self.rollouts.watches.get(name)?.compare(self.out.now))
    }
}
