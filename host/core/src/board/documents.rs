//! What operators set up, while calls run.

use super::timers::Timer;
use super::{Board, QueueLine};
use crate::config::{Deployment, MigrationPolicy, Queue};
use crate::event::What;
use crate::ids::{DeploymentName, QueueName};

impl Board {
    pub(super) fn put_queue(&mut self, queue: Queue) {
        let name = queue.name.clone();
        match self.queues.get_mut(&name) {
            Some(line) => {
                line.queue = queue;
                line.beyond = None;
                self.touched.insert(name);
            }
            None => {
                self.queues.insert(name, QueueLine::new(queue));
            }
        }
    }

    /// Those who wait lose their place; a talk goes on.
    pub(super) fn remove_queue(&mut self, name: &QueueName) {
        let Some(line) = self.queues.remove(name) else { return };
        self.touched.remove(name);
        self.out.timers.cancel(&Timer::Rematch(name.clone()));
        let version = line.deciding.as_ref().map(|deciding| deciding.version);
        let decided: Vec<_> = self.decisions.iter().filter(|(_, queue)| *queue == name).map(|(id, _)| *id).collect();
        for decision in decided {
            self.decisions.remove(&decision);
            self.out.timers.cancel(&Timer::Score(decision));
        }
        for (.., id) in line.turns {
            self.lose_place(id, &format!("the queue `{name}` was removed"));
        }
        if let Some(version) = version {
            self.retire(version);
        }
    }

    /// New contacts get this version; those that run stay with theirs.
    pub(super) fn put_deployment(&mut self, mut deployment: Deployment) {
        self.admit_rollout(&mut deployment);
        let (name, version) = (deployment.name.clone(), deployment.version);
        let canary = deployment.rollout.as_ref().map(|rollout| rollout.version);
        let previous = deployment.previous;
        let migration = deployment.migration;
        let replaced = self.deployments.insert(name.clone(), deployment);
        let before = replaced.as_ref().map(|before| before.version);
        self.loaded.insert(version);
        self.loaded.extend(previous);
        // A scorer that comes to be.
        self.touch_all();
        if before != Some(version) {
            let still_running = before.map_or(0, |before| self.pinned(before));
            self.out.tell(None, What::Deployed { deployment: name.clone(), version, before, still_running });
            self.call_off(&name);
            // Also of a version that served before: it is another attempt.
            self.moves.forget(&name);
            match migration {
                MigrationPolicy::Migrate => self.migrate_all(&name),
                MigrationPolicy::Pin => {}
            }
        }
        if let Some(replaced) = replaced {
            let left = replaced.rollout.map(|rollout| rollout.version);
            if let Some(left) = left.filter(|left| Some(*left) != canary && *left != version) {
                self.leave_canary(&name, left);
            }
            if replaced.version != version {
                self.idle(replaced.version);
            }
            self.retire(replaced.version);
            replaced.previous.into_iter().for_each(|previous| self.retire(previous));
        }
    }

    pub(super) fn remove_deployment(&mut self, name: &DeploymentName) {
        if let Some(before) = self.deployments.remove(name) {
            self.call_off(name);
            self.moves.forget(name);
            self.drop_rollout(&before);
            self.idle(before.version);
            self.retire(before.version);
            before.previous.into_iter().for_each(|previous| self.retire(previous));
        }
    }
}
