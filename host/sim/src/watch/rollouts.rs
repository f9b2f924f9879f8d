//! Canaries, as they must be: what the board does with them by itself.

use super::{Held, Watch, holds};
use cordboard_core::config::{Deployment, World};
use cordboard_core::ids::DeploymentName;
use cordboard_core::rollout::{Rollout, RolloutStep, Stepped};

impl Watch {
    /// A deployment is put, by an operator or by its canary.
    pub(super) fn deployed(&mut self, mut deployment: Deployment) {
        let name = deployment.name.clone();
        let tried = self.tried.get(&name).copied();
        deployment.rollout.take_if(|rollout| tried.is_some_and(|tried| rollout.id <= tried));
        let canary = deployment.rollout.as_ref().map(|rollout| rollout.version);
        for version in deployment.previous.into_iter().chain(canary).chain([deployment.version]) {
            self.unloaded.remove(&version);
            self.known.insert(version);
        }
        let is = deployment.rollout.as_ref().map(|rollout| rollout.id);
        let replaced = self.deployments.insert(name.clone(), deployment);
        self.tried(&name, replaced.and_then(|replaced| replaced.rollout).filter(|was| Some(was.id) != is));
    }

    /// A canary is over.
    pub(super) fn tried(&mut self, name: &DeploymentName, rollout: Option<Box<Rollout>>) {
        if let Some(rollout) = rollout {
            self.tried.insert(name.clone(), rollout.id);
        }
    }

    /// A canary went on or back by itself: only the one that there is, and one that is over never does.
    pub(super) fn rollout_stepped(&mut self, name: &DeploymentName, step: &RolloutStep) -> Held {
        let found = self.deployments.get_mut(name);
        let is = found.as_ref().and_then(|found| found.rollout.as_ref()).map(|rollout| rollout.id);
        holds(is == Some(step.rollout), "a canary that is there goes on", || format!("{name}: {step:?}, not {is:?}"))?;
        let Some(found) = found else { return Ok(()) };
        let over = match &step.what {
            Stepped::Advanced(stage) => {
                let Some(rollout) = &mut found.rollout else { return Ok(()) };
                let next = *stage == rollout.stage + 1;
                rollout.stage = *stage;
                holds(next, "a canary goes on stage by stage", || format!("{name}: {step:?}"))?;
                None
            }
            Stepped::Promoted => {
                found.previous = (found.world == World::Flow).then_some(found.version);
                found.version = step.version;
                found.rollout.take()
            }
            Stepped::RolledBack(_) => found.rollout.take(),
        };
        self.tried(name, over);
        Ok(())
    }
}
