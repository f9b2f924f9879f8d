//! A board with its flows and journals, and nothing else: what the service's shell does for contacts, without signalling
//! and media. Calls are answered and prompts end as soon as that is wanted.

use cordboard_core::board::{Board, Effect, Input, LegOffer, LegSource, Rehearse};
use cordboard_core::config::{Deployment, EntryPoint, MigrationPolicy, Settings, World};
use cordboard_core::event::What;
use cordboard_core::flow::{Address, Request};
use cordboard_core::ids::{ContactId, DeploymentName, EntryPointName, LegId, RunId, TenantId, Version};
use cordboard_core::time::Timestamp;
use cordboard_plugin::{FlowHandle, FlowMessage, FlowStart, PluginHost};
use cordboard_store::{Blobs, ContactKeys, Item, Rooms, SledOptions, SledStore, Store};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc;

/// As the shell has them.
const MESSAGES: usize = 4_096;
const BATCH: usize = 512;
/// Calls that come in before those that came are looked after.
const AT_ONCE: u64 = 64;

type Keep = (ContactId, u64, Vec<u8>, bool);

pub(crate) struct Desk {
    pub(crate) board: Board,
    host: PluginHost,
    flows: BTreeMap<(ContactId, RunId), FlowHandle>,
    sender: mpsc::Sender<FlowMessage>,
    messages: mpsc::Receiver<FlowMessage>,
    /// None: journals are written and thrown away.
    keep: Option<mpsc::UnboundedSender<Keep>>,
    durable: mpsc::UnboundedReceiver<Input>,
    epoch: (Instant, Timestamp),
    legs: u64,
    pub(crate) contacts: Vec<(ContactId, LegId)>,
    /// So far.
    pub(crate) calls: u64,
    pub(crate) questions: u64,
    pub(crate) descended: u64,
    pub(crate) migrated: u64,
    /// Linear memory of all flows; with more, some sleep.
    pub(crate) memory_bytes: u64,
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(since.as_micros() as u64)
}

/// A store as the service has it.
pub(crate) fn store(folder: &Path) -> Rooms {
    let store = Store::new(SledStore::open(SledOptions::new(folder.join("store"))).unwrap());
    let keys = ContactKeys::open(folder.join("contact-keys"), &store).unwrap();
    Rooms::new(store, keys, Blobs::open(folder.join("blobs"), 1 << 20).unwrap())
}

/// What the shell's writer does.
async fn write(rooms: Rooms, mut queue: mpsc::UnboundedReceiver<Keep>, durable: mpsc::UnboundedSender<Input>) {
    let tenant = TenantId::default_tenant();
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let items: Vec<Item<'_>> = batch
            .iter()
            .map(|(contact, number, bytes, _)| Item::Frame { contact: *contact, number: *number, bytes })
            .collect();
        rooms.write(&tenant, &items).await.unwrap();
        for (contact, frame, _, _) in batch.drain(..).filter(|(_, _, _, sync)| *sync) {
            // Nobody waits any more at the end.
            let _ = durable.send(Input::JournalDurable { contact, frame });
        }
    }
}

impl Desk {
    /// Whatever is dialled is answered by this version.
    pub(crate) fn new(host: &PluginHost, version: Version, rooms: Option<Rooms>) -> Self {
        let (sender, messages) = mpsc::channel(MESSAGES);
        let (told, durable) = mpsc::unbounded_channel();
        let keep = rooms.map(|rooms| {
            let (keep, queue) = mpsc::unbounded_channel();
            tokio::spawn(write(rooms, queue, told));
            keep
        });
        let mut desk = Self {
            board: Board::new(TenantId::default_tenant(), 1),
            host: host.clone(),
            flows: BTreeMap::new(),
            sender,
            messages,
            keep,
            durable,
            epoch: (Instant::now(), now()),
            legs: 0,
            contacts: Vec::new(),
            calls: 0,
            questions: 0,
            descended: 0,
            migrated: 0,
            memory_bytes: u64::MAX,
        };
        desk.give(Input::PutSettings(Settings { max_contacts: 100_000, ..Settings::default() }));
        desk.deploy(version, MigrationPolicy::Pin);
        desk.give(Input::PutEntryPoint(EntryPoint {
            name: EntryPointName::new("all").unwrap(),
            numbers: vec!["*".into()],
            deployment: DeploymentName::new("flow").unwrap(),
            safe_flow: None,
            fallback_queue: None,
        }));
        desk
    }

    pub(crate) fn deploy(&mut self, version: Version, migration: MigrationPolicy) {
        let name = DeploymentName::new("flow").unwrap();
        self.give(Input::PutDeployment(Deployment { migration, ..Deployment::new(name, World::Flow, version) }));
    }

    /// An input, and all that the board wants at once.
    pub(crate) fn give(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let (began, epoch) = self.epoch;
            self.board.handle(Timestamp(epoch.0 + began.elapsed().as_micros() as u64), input);
            while let Some(effect) = self.board.poll_effect() {
                inputs.extend(self.perform(effect));
            }
        }
    }

    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::StartFlow { contact, run, version, channel, origin, dialled, seed, at, past } => {
                let start = FlowStart { contact, run, channel, origin, dialled, seed, at, past, ask_anew: false };
                self.flows.insert((contact, run), self.host.start_flow(version, start, self.sender.clone()));
            }
            Effect::Rehearse(wanted) => {
                let Rehearse { contact, run, version, channel, origin, dialled, seed, at, past, ask_anew } = *wanted;
                let start = FlowStart { contact, run, channel, origin, dialled, seed, at, past, ask_anew };
                self.flows.insert((contact, run), self.host.rehearse(version, start, self.sender.clone()));
            }
            Effect::RehearseOn { contact, run, past } => self.flows[&(contact, run)].rehearse_on(past),
            Effect::TakeOver { contact, run } => self.flows[&(contact, run)].take_over(),
            Effect::ReplyFlow { contact, run, entry, at, reply } => {
                self.flows[&(contact, run)].reply(entry, at, reply);
            }
            Effect::CancelFlow { contact, run } => drop(self.flows.remove(&(contact, run))),
            Effect::AnswerLeg(leg) => return Some(Input::LegAnswered(leg)),
            Effect::Play { leg, play, .. } => return Some(Input::PlayFinished { leg, play }),
            Effect::Journal { contact, frame, bytes, sync } => match &self.keep {
                Some(keep) => keep.send((contact, frame, bytes, sync)).unwrap(),
                None if sync => return Some(Input::JournalDurable { contact, frame }),
                None => {}
            },
            Effect::Tell(event) => match event.what {
                What::Offered { .. } => {
                    self.contacts.push((event.contact.unwrap(), LegId(self.legs)));
                }
                What::Descended { .. } => self.descended += 1,
                What::Migrated { .. } => self.migrated += 1,
                _ => {}
            },
            _ => {}
        }
        None
    }

    fn heard(&mut self, message: FlowMessage) {
        match message {
            FlowMessage::Call { contact, run, request } => {
                self.calls += 1;
                self.questions += u64::from(matches!(request, Request::Ask(_)));
                self.give(Input::FlowRequested { contact, run, request });
            }
            FlowMessage::Ended { contact, run, end, .. } => {
                self.flows.remove(&(contact, run));
                self.give(Input::FlowEnded { contact, run, end });
            }
            FlowMessage::Rehearsed { contact, run, result, .. } => self.give(Input::Rehearsed { contact, run, result }),
            FlowMessage::Log { .. } => {}
        }
    }

    /// Goes on until it is so.
    pub(crate) async fn until(&mut self, so: impl Fn(&Self) -> bool) {
        let since = Instant::now();
        while !so(self) {
            tokio::select! {
                Some(message) = self.messages.recv() => self.heard(message),
                Some(durable) = self.durable.recv() => self.give(durable),
                () = tokio::time::sleep(Duration::from_millis(5)) => self.give(Input::Tick),
            }
            assert!(since.elapsed() < Duration::from_secs(600), "it never comes to that: {} calls", self.calls);
        }
    }

    /// A call comes in.
    pub(crate) fn begin(&mut self, number: &str) {
        self.legs += 1;
        let address = Address { uri: "sip:a@b".into(), number: Some(number.into()), display_name: None };
        let source = LegSource::Trunk("bench".into());
        let offer = LegOffer { leg: LegId(self.legs), origin: address.clone(), dialled: address, source };
        self.give(Input::LegOffered(offer));
    }

    /// So many more calls come to their question, while instances sleep as the service lets them: before room gets short.
    pub(crate) async fn call_in(&mut self, number: &str, count: u64) {
        let all = self.questions + count;
        let mut left = count;
        while left > 0 {
            let now = left.min(AT_ONCE);
            left -= now;
            let asked = self.questions + now;
            (0..now).for_each(|_| self.begin(number));
            self.until(|desk| desk.questions >= asked).await;
            self.make_room();
        }
        self.until(|desk| desk.questions >= all).await;
    }

    /// As the service does it.
    fn make_room(&mut self) {
        let instances = self.host.flow_instances();
        let room = instances.saturating_sub(self.host.capacity().flow_instances / 8 * 7);
        let each = self.host.flow_memory() / u64::from(instances.max(1));
        let memory = self.host.flow_memory().saturating_sub(self.memory_bytes).div_ceil(each.max(1));
        let over = u64::from(room).max(memory) as u32;
        if over > 0 {
            self.give(Input::Hibernate { idle_ms: 0, at_most: over + AT_ONCE as u32 });
        }
    }

    /// Everybody sleeps who can.
    pub(crate) async fn sleep(&mut self) {
        self.give(Input::Hibernate { idle_ms: 0, at_most: u32::MAX });
        let host = self.host.clone();
        self.until(|desk| desk.board.asleep() == desk.contacts.len() && host.flow_instances() == 0).await;
    }

    /// Presses a key, and waits until the flow has made its next host call: how long that took.
    pub(crate) async fn step(&mut self, at: usize, key: char) -> Duration {
        let (calls, questions, (_, leg)) = (self.calls, self.questions, self.contacts[at]);
        let began = Instant::now();
        self.give(Input::Digit(leg, key));
        self.until(|desk| desk.calls > calls).await;
        let took = began.elapsed();
        self.until(|desk| desk.questions > questions).await;
        took
    }
}
