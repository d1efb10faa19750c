use std::sync::Mutex;

use hookswitch_api::notice::{AlarmKind, AlarmState, DialogDirection, DialogState, ServiceAlarm};
use hookswitch_store::documents::{self, Expected, Key};
use hookswitch_store::events::StoredEvent;
use hookswitch_store::seal::Place;
use hookswitch_store::{Batch, CallRow, MasterKey, domains};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;

const ACME: &str = "acme.test";
const SERVICE: &str = "service-1";

/// An outbox that remembers whose notifications are on their way.
#[derive(Default)]
struct Woken(Mutex<Vec<String>>);

impl Outbox for Woken {
    fn replayed(&self, _: &str, service: &str) {
        self.0.lock().unwrap().push(service.to_owned());
    }

    fn listen(&self, _: &Arc<str>) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
}

/// A node with one tenant, one service, and a notifier.
struct World {
    _home: crate::database::home::Home,
    store: Store,
    publisher: Arc<Publisher>,
    woken: Arc<Woken>,
    failing: Arc<Failing>,
    notifier: Notifier,
    began: Instant,
}

fn wall(seconds: u64) -> UnixMicros {
    UnixMicros(1_700_000_000_000_000 + seconds * 1_000_000)
}

fn endpoints() -> Value {
    json!({
        "useHttpEvents": true,
        "alarmEventsRestEndpoint": "https://app.example.com/alarms",
        "sipEventsRestEndpoint": "https://app.example.com/events",
    })
}

impl World {
    /// A world whose tenant has these notification settings, looked at once.
    fn with(settings: Option<Value>) -> Self {
        let (home, store) = crate::database::home::store();
        let master_key = Arc::new(MasterKey::ephemeral());
        let place = Place {
            domain: ACME,
            kind: "domain",
            field: "webhookSecret",
        };
        let secret = master_key.seal(place, b"whsec_AAAA");
        store
            .write(move |db| domains::add(db, ACME, "{}", &secret, UnixMicros(1)))
            .unwrap();
        let service = json!({
            "id": SERVICE, "callbackId": "cb", "name": "alarms", "destinationMatch": "1001",
            "callbackBaseUrl": "https://app.example.com/calls",
        });
        put(&store, "cloudsipua", SERVICE, &service);
        if let Some(settings) = settings {
            set(&store, &settings);
        }
        let publisher = Publisher::load(store.clone(), master_key, ["192.0.2.1"]).unwrap();
        let publisher = Arc::new(publisher);
        let (woken, failing) = (Arc::<Woken>::default(), Arc::<Failing>::default());
        let notifier = Notifier::new(
            store.clone(),
            Arc::clone(&publisher),
            Arc::clone(&woken) as Arc<dyn Outbox>,
            Arc::clone(&failing),
        );
        let mut world = Self {
            _home: home,
            store,
            publisher,
            woken,
            failing,
            notifier,
            began: Instant::now(),
        };
        world.looks(0);
        world
    }

    /// The notifier looks, so many seconds after the beginning.
    fn looks(&mut self, seconds: u64) {
        let now = self.began + Duration::from_secs(seconds);
        self.notifier.look(now, wall(seconds)).unwrap();
    }

    /// The program ends and starts again.
    fn restarts(&mut self) {
        self.failing = Arc::default();
        self.notifier = self.another();
    }

    /// What another node on the same database has.
    fn another(&self) -> Notifier {
        Notifier::new(
            self.store.clone(),
            Arc::clone(&self.publisher),
            Arc::clone(&self.woken) as Arc<dyn Outbox>,
            Arc::clone(&self.failing),
        )
    }

    /// An event of the call with that number.
    fn happens(&self, call: u128, sequence: u32, name: &'static str, body: &Value) {
        let row = EventRow {
            call: CallKey(call),
            domain: ACME.into(),
            service: SERVICE.to_owned(),
            name: name.into(),
            sequence,
            webhook_id: format!("{call}.{sequence}"),
            created_at: UnixMicros(u64::from(sequence) * 1_000_000),
            body: body.to_string(),
            ..EventRow::default()
        };
        let batch = Batch {
            events: vec![row],
            ..Batch::default()
        };
        self.writes(batch);
    }

    /// A call is on record.
    fn records(&self, call: u128, direction: &'static str) {
        let row = CallRow {
            id: CallKey(call),
            domain: ACME.into(),
            direction: direction.into(),
            source_user: "alice".to_owned(),
            destination_user: "bob".to_owned(),
            sip_call_id: format!("sip-{call}"),
            state: "offered".into(),
            record: "{}".to_owned(),
            ..CallRow::default()
        };
        let batch = Batch {
            calls: vec![row],
            ..Batch::default()
        };
        self.writes(batch);
    }

    fn writes(&self, batch: Batch) {
        self.store
            .writer()
            .submit(batch, |done| done.unwrap())
            .unwrap();
        self.store.writer().flush().unwrap();
    }

    /// What waits in the outbox on that way.
    fn outbox(&self, way: &str) -> Vec<StoredEvent> {
        let found = self
            .store
            .read(|db| events::after(db, ACME, 0, 10_000))
            .unwrap();
        found
            .into_iter()
            .filter(|event| event.row.service == way)
            .collect()
    }

    fn alarms(&self) -> Vec<ServiceAlarm> {
        let told = self.outbox(ALARMS).into_iter();
        let bodies = told.map(|event| serde_json::from_str::<ServiceAlarms>(&event.row.body));
        bodies.flat_map(|body| body.unwrap().body).collect()
    }

    fn sip_events(&self) -> Vec<SipEvent> {
        let told = self.outbox(SIP_EVENTS).into_iter();
        let bodies = told.map(|event| serde_json::from_str::<SipEvents>(&event.row.body));
        bodies.flat_map(|body| body.unwrap().body).collect()
    }
}

/// The settings are written as REST does it.
fn set(store: &Store, settings: &Value) {
    put(store, "notificationsettings", "default", settings);
    store.write(|db| notifications::begin(db, ACME)).unwrap();
}

fn put(store: &Store, kind: &'static str, id: &'static str, body: &Value) {
    let body = body.to_string();
    store
        .write(move |db| {
            let key = Key {
                domain: ACME,
                kind,
                id,
                draft: false,
            };
            documents::put(db, key, &body, Expected::Any)
        })
        .unwrap();
}

#[test]
fn a_call_is_told_from_its_start_to_its_end_as_its_device_saw_it() {
    let mut world = World::with(Some(endpoints()));
    world.records(1, "inbound");
    world.records(2, "outbound");
    world.happens(1, 1, "newRemoteCall", &json!({}));
    world.happens(2, 1, "callNotify", &json!({"event": "ringing"}));
    world.happens(2, 2, "callNotify", &json!({"event": "reInvite"}));
    world.happens(1, 2, "callAnswered", &json!({}));
    let end = json!({"sipStatus": 486, "class": "busy", "duration": 0});
    world.happens(2, 3, "callFailed", &end);
    world.looks(1);
    let told = world.sip_events();
    let shown: Vec<_> = told
        .iter()
        .map(|event| {
            (
                &*event.call_id,
                &*event.device,
                event.direction,
                event.state,
            )
        })
        .collect();
    let (called, calling) = (DialogDirection::Recipient, DialogDirection::Initiator);
    let expected = [
        ("sip-1", "bob", called, DialogState::Trying),
        ("sip-2", "alice", calling, DialogState::Early),
        ("sip-1", "bob", called, DialogState::Confirmed),
        ("sip-2", "alice", calling, DialogState::Terminated),
    ];
    assert_eq!(shown, expected);
    let last = &told[3];
    assert_eq!((last.sip_status, last.duration), (Some(486), Some(0)));
    assert_eq!(last.class.as_deref(), Some("busy"));
    assert_eq!((last.timestamp, &*last.remote), (3_000, "bob"));
    assert_eq!(world.outbox(SIP_EVENTS).len(), 1, "they go together");
    assert_eq!(*world.woken.0.lock().unwrap(), [SIP_EVENTS]);
}

#[test]
fn what_devices_do_is_told_once_also_over_a_restart() {
    let mut world = World::with(Some(endpoints()));
    world.records(1, "inbound");
    world.happens(1, 1, "newRemoteCall", &json!({}));
    world.looks(1);
    world.looks(2);
    world.happens(1, 2, "callAnswered", &json!({}));
    world.restarts();
    world.looks(3);
    let states: Vec<_> = world.sip_events().iter().map(|event| event.state).collect();
    assert_eq!(states, [DialogState::Trying, DialogState::Confirmed]);
}

#[test]
fn notifications_of_one_way_are_numbered_in_their_order() {
    let mut world = World::with(Some(endpoints()));
    world.records(1, "inbound");
    for number in 1..=250 {
        world.happens(1, number, "callNotify", &json!({"event": "ringing"}));
    }
    world.looks(1);
    let told = world.outbox(SIP_EVENTS);
    let numbers: Vec<_> = told.iter().map(|event| event.row.sequence).collect();
    assert_eq!(numbers, [1, 2, 3], "a hundred go together");
    assert_eq!(world.sip_events().len(), 250);
    world.happens(1, 251, "callAnswered", &json!({}));
    world.restarts();
    world.looks(2);
    let told = world.outbox(SIP_EVENTS);
    assert!(told.iter().all(|event| event.row.call == told[0].row.call));
    let shown: SipEvents = serde_json::from_str(&told[3].row.body).unwrap();
    assert_eq!(shown.sequence, 4, "a restart counts on");
    assert_eq!(shown.webhook_id, told[3].row.webhook_id);
}

#[test]
fn two_nodes_on_one_database_tell_everything_once() {
    let mut world = World::with(Some(endpoints()));
    let mut other = world.another();
    world.records(1, "inbound");
    world.happens(1, 1, "newRemoteCall", &json!({}));
    world
        .publisher
        .switch_callback(ACME, SERVICE, false)
        .unwrap();
    other.look(world.began, wall(1)).unwrap();
    world.looks(1);
    assert_eq!((world.sip_events().len(), world.alarms().len()), (1, 1));
}

#[test]
fn what_happened_before_somebody_wanted_it_is_not_told() {
    let mut world = World::with(None);
    world.records(1, "inbound");
    world.happens(1, 1, "newRemoteCall", &json!({}));
    set(&world.store, &endpoints());
    world.publisher.refresh_tenant(ACME).unwrap();
    world.happens(1, 2, "callAnswered", &json!({}));
    world.looks(2);
    let states: Vec<_> = world.sip_events().iter().map(|event| event.state).collect();
    assert_eq!(states, [DialogState::Confirmed]);
}

#[test]
fn a_callback_that_is_switched_off_is_an_alarm_until_it_is_on_again() {
    let mut world = World::with(Some(endpoints()));
    world
        .publisher
        .switch_callback(ACME, SERVICE, false)
        .unwrap();
    world.looks(1);
    world.looks(2);
    world
        .publisher
        .switch_callback(ACME, SERVICE, true)
        .unwrap();
    world.looks(3);
    let told = world.alarms();
    let shown: Vec<_> = told
        .iter()
        .map(|alarm| (alarm.alarm, alarm.state, &*alarm.callback_id))
        .collect();
    let kind = AlarmKind::CallbackDisabled;
    assert_eq!(
        shown,
        [
            (kind, AlarmState::Raised, "cb"),
            (kind, AlarmState::Cleared, "cb")
        ]
    );
}

#[test]
fn an_alarm_is_told_once_also_over_a_restart() {
    let mut world = World::with(Some(endpoints()));
    let switch = |world: &World, on| {
        world.publisher.switch_callback(ACME, SERVICE, on).unwrap();
    };
    switch(&world, false);
    world.restarts();
    world.looks(1);
    assert_eq!(world.alarms().len(), 1, "the former run had not told it");
    world.restarts();
    world.looks(2);
    assert_eq!(world.alarms().len(), 1, "the former run had told it");
    switch(&world, true);
    world.restarts();
    world.looks(3);
    assert_eq!(world.alarms()[1].state, AlarmState::Cleared);
}

#[test]
fn an_alarm_that_stands_is_told_when_somebody_wants_alarms() {
    let mut world = World::with(None);
    world
        .publisher
        .switch_callback(ACME, SERVICE, false)
        .unwrap();
    world.looks(1);
    set(&world.store, &endpoints());
    world.publisher.refresh_tenant(ACME).unwrap();
    world.looks(2);
    assert_eq!(world.alarms().len(), 1);
}

#[test]
fn a_service_that_is_deleted_takes_its_alarm_along() {
    let mut world = World::with(Some(endpoints()));
    world
        .publisher
        .switch_callback(ACME, SERVICE, false)
        .unwrap();
    world.looks(1);
    let gone = |kind: &'static str| {
        let key = Key {
            domain: ACME,
            kind,
            id: SERVICE,
            draft: false,
        };
        let deleted = world
            .store
            .write(move |db| documents::delete(db, key, Expected::Any));
        deleted.unwrap();
    };
    gone("cloudsipua");
    gone("callback");
    world.publisher.refresh_tenant(ACME).unwrap();
    world.looks(2);
    let told = world.alarms();
    assert_eq!(told[1].state, AlarmState::Cleared);
    assert_eq!(told[1].reason, "the service was deleted");
}

#[test]
fn callbacks_that_nobody_takes_for_a_minute_are_an_alarm_until_one_is_taken() {
    let mut world = World::with(Some(endpoints()));
    let (domain, service): (Arc<str>, Arc<str>) = (ACME.into(), SERVICE.into());
    let fails = |world: &World| {
        world
            .failing
            .failed(&domain, &service, &"timed out", world.began);
    };
    fails(&world);
    fails(&world);
    world.looks(61);
    assert_eq!(world.alarms(), [], "twice is not often");
    fails(&world);
    world.looks(62);
    world.looks(63);
    world.failing.taken(&domain, &service);
    world.looks(64);
    let told = world.alarms();
    let states: Vec<_> = told
        .iter()
        .map(|alarm| (alarm.alarm, alarm.state))
        .collect();
    let kind = AlarmKind::CallbackFailing;
    assert_eq!(
        states,
        [(kind, AlarmState::Raised), (kind, AlarmState::Cleared)]
    );
    assert_eq!(
        told[0].reason,
        "no callback was taken for 62 s, in 3 tries; the last: timed out"
    );
}

#[test]
fn a_callback_that_is_taken_after_a_restart_ends_the_alarm_of_the_former_run() {
    let mut world = World::with(Some(endpoints()));
    let (domain, service): (Arc<str>, Arc<str>) = (ACME.into(), SERVICE.into());
    for _ in 0..3 {
        world
            .failing
            .failed(&domain, &service, &"timed out", world.began);
    }
    world.looks(60);
    world.restarts();
    world.looks(61);
    assert_eq!(world.alarms().len(), 1);
    world.failing.taken(&domain, &service);
    world.looks(62);
    assert_eq!(world.alarms()[1].state, AlarmState::Cleared);
}

#[test]
fn trouble_that_passes_is_no_alarm() {
    let mut world = World::with(Some(endpoints()));
    let (domain, service): (Arc<str>, Arc<str>) = (ACME.into(), SERVICE.into());
    for _ in 0..5 {
        world
            .failing
            .failed(&domain, &service, &"timed out", world.began);
    }
    world.looks(59);
    world.failing.taken(&domain, &service);
    world.looks(120);
    assert_eq!(world.alarms(), []);
}

#[test]
fn without_settings_nothing_is_kept_to_be_told() {
    let mut world = World::with(None);
    world.records(1, "inbound");
    world.happens(1, 1, "newRemoteCall", &json!({}));
    world
        .publisher
        .switch_callback(ACME, SERVICE, false)
        .unwrap();
    world.looks(1);
    assert_eq!(
        world.outbox(ALARMS).len() + world.outbox(SIP_EVENTS).len(),
        0
    );
}

#[test]
fn devices_that_nobody_watches_any_more_are_forgotten() {
    let mut world = World::with(Some(endpoints()));
    put(&world.store, "notificationsettings", "default", &json!({}));
    world.publisher.refresh_tenant(ACME).unwrap();
    world.looks(1);
    assert_eq!(world.store.read(notifications::all).unwrap(), []);
}
