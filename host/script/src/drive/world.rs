//! The world before the call comes in: what the script says of queues, agents, directories and flows.

use super::{CALLER, Drive};
use crate::language::{FLOW, NOBODY};
use crate::moment::{Happened, Who};
use cordboard_core::agent::WantedState;
use cordboard_core::board::{Input, LegOffer, LegSource};
use cordboard_core::config::{Deployment, EntryPoint, Settings, World};
use cordboard_core::flow::Address;
use cordboard_core::ids::{DeploymentName, Digest, EntryPointName, LegId, Version};
use cordboard_core::time::Timestamp;

/// Who waits in a queue before the caller does dials this: nothing that a script's caller can dial.
const OTHERS: &str = "others@";

/// Those who waited before came so long before.
const BEFORE_MS: u64 = 60_000;

/// A version for what answers from the script.
fn scripted(what: &str) -> Version {
    Digest::of(what.as_bytes())
}

impl Drive<'_> {
    pub(super) fn set_up(&mut self) {
        let case = self.case;
        self.now = Timestamp::from_ms(case.at.as_ms().saturating_sub(BEFORE_MS));
        let default_directory = case.directory.as_ref().and_then(|_| crate::language::default_directory());
        let default_queue = case.fallback_queue.clone();
        self.give(Input::PutSettings(Settings { default_queue, default_directory, ..Settings::default() }));
        for queue in &case.queues {
            self.give(Input::PutQueue(queue.clone()));
        }
        for plan in &case.agents {
            self.give(Input::PutAgent(plan.agent.clone()));
            self.give(Input::PhoneRegistered(plan.agent.id.clone()));
        }
        for directory in case.directories() {
            self.give(Input::PutDeployment(Deployment::new(directory, World::Crm, scripted("directory"))));
        }
        self.deploy(FLOW, self.stage.flow);
        for (name, version) in self.stage.others.clone() {
            self.deploy(&name, version);
        }
        self.let_others_wait();
        self.now = case.at;
        for plan in &case.agents {
            let wanted =
                if plan.ready { WantedState::Ready } else { WantedState::NotReady { reason: "script".into() } };
            self.give(Input::AgentWants(plan.agent.id.clone(), wanted));
        }
        self.call();
    }

    fn deploy(&mut self, name: &str, version: Version) {
        if let Ok(name) = DeploymentName::new(name) {
            self.give(Input::PutDeployment(Deployment::new(name, World::Flow, version)));
        }
    }

    /// Others wait before the caller does: contacts whose deployment has no flow wait in its queue without one.
    fn let_others_wait(&mut self) {
        let mut leg = CALLER.0;
        for (at, (queue, waiting)) in self.case.waiting.iter().enumerate() {
            let number = format!("{OTHERS}{at}");
            let (Ok(name), Ok(nothing)) = (EntryPointName::new(format!("others-{at}")), DeploymentName::new(NOBODY))
            else {
                continue;
            };
            self.give(Input::PutEntryPoint(EntryPoint {
                name,
                numbers: vec![number.clone()],
                deployment: nothing,
                safe_flow: None,
                fallback_queue: Some(queue.clone()),
            }));
            for _ in 0..*waiting {
                leg += 1;
                let dialled = Address { uri: number.clone(), number: Some(number.clone()), display_name: None };
                let source = LegSource::Trunk("script".into());
                self.give(Input::LegOffered(LegOffer { leg: LegId(leg), origin: Address::default(), dialled, source }));
            }
        }
    }

    fn call(&mut self) {
        let case = self.case;
        let (Ok(name), Ok(deployment)) = (EntryPointName::new("script"), DeploymentName::new(FLOW)) else { return };
        self.give(Input::PutEntryPoint(EntryPoint {
            name,
            numbers: case.caller.dialled.number.clone().into_iter().collect(),
            deployment,
            safe_flow: case.safe_flow.clone(),
            fallback_queue: case.fallback_queue.clone(),
        }));
        let (origin, dialled) = (case.caller.origin.clone(), case.caller.dialled.clone());
        let (from, to) =
            (origin.number.as_deref().unwrap_or("somebody"), dialled.number.as_deref().unwrap_or_default());
        self.happened(Happened::Deed(Who::Caller, format!("{from} dials {to}")));
        self.expects_caller = true;
        self.give(Input::LegOffered(LegOffer {
            leg: CALLER,
            origin,
            dialled,
            source: LegSource::Trunk("script".into()),
        }));
        self.expects_caller = false;
    }
}
