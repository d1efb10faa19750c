//! Devices by id and by the MAC address of their gateway: maps whose versions share all but the part that changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookswitch_sip::auth::{ALGORITHMS, Algorithm, Ha1};
use hookswitch_sip::hash::KeyedHash;

/// How a device proves itself over SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthType {
    /// SIP digest.
    Credentials,
    /// A white-list entry for alarm messages.
    DeviceId,
    /// A token over `X-JWTAuth`.
    UserId,
    /// Not at all: the device lives behind REST.
    Disabled,
}

/// The MAC address of a gateway.
pub type Mac = [u8; 6];

/// What routing needs to know of a provisioned device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// How it proves itself.
    pub auth_type: AuthType,
    /// What a digest response is compared with; only `credentials` devices have it.
    pub ha1: Option<Arc<Ha1>>,
    /// The MAC address of its gateway.
    pub mac: Option<Mac>,
}

impl Device {
    /// A device of this kind with neither secret nor gateway.
    pub const fn of(auth_type: AuthType) -> Self {
        Self {
            auth_type,
            ha1: None,
            mac: None,
        }
    }
}

/// Devices by id; a clone costs two reference counts.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    by_id: Parts<Box<str>, Device>,
    /// A MAC address that several devices have belongs to the one with the lowest id.
    by_mac: Parts<(Mac, Box<str>), ()>,
    /// How many devices sign in by digest.
    credentials: usize,
    /// How many of them can by each of [`ALGORITHMS`].
    algorithms: [usize; ALGORITHMS.len()],
}

impl Devices {
    /// The device with this id.
    pub fn find(&self, id: &str) -> Option<&Device> {
        self.by_id.part(id.as_bytes())?.get(id)
    }

    /// The id of the device whose gateway has this MAC address.
    pub fn with_mac(&self, mac: Mac) -> Option<&str> {
        let first = (mac, Box::default());
        let ((found, id), ()) = self.by_mac.part(&mac)?.range(first..).next()?;
        (*found == mac).then_some(id)
    }

    /// The same devices with one more, or with a newer version of one.
    #[must_use]
    pub fn with(&self, id: &str, device: Device) -> Self {
        let mut changed = self.clone();
        changed.put(id, Some(device));
        changed
    }

    /// The same devices without one.
    #[must_use]
    pub fn without(&self, id: &str) -> Self {
        let mut changed = self.clone();
        changed.put(id, None);
        changed
    }

    /// How many devices there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// By which algorithms devices are asked to sign in, the strongest first: those that all of them know, so that the
    /// question tells nothing of any; where there is none, all that any of them knows. None: no device signs in.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let known = |least: usize| {
            let counted = ALGORITHMS.into_iter().zip(self.algorithms);
            let enough = counted.filter(|(_, count)| *count >= least.max(1));
            enough.map(|(algorithm, _)| algorithm).collect::<Vec<_>>()
        };
        let common = known(self.credentials);
        if common.is_empty() { known(1) } else { common }
    }

    fn put(&mut self, id: &str, device: Option<Device>) {
        let former = self.find(id).cloned();
        if let Some(mac) = former.as_ref().and_then(|former| former.mac) {
            self.by_mac
                .change(&mac, |part| part.remove(&(mac, id.into())));
        }
        if let Some(mac) = device.as_ref().and_then(|device| device.mac) {
            self.by_mac
                .change(&mac, |part| part.insert((mac, id.into()), ()));
        }
        self.count(former.as_ref(), usize::wrapping_sub);
        self.count(device.as_ref(), usize::wrapping_add);
        self.by_id.change(id.as_bytes(), |part| match device {
            Some(device) => part.insert(id.into(), device),
            None => part.remove(id),
        });
    }
}

impl Devices {
    fn count(&mut self, device: Option<&Device>, step: fn(usize, usize) -> usize) {
        let Some(ha1) = device.and_then(|device| device.ha1.as_ref()) else {
            return;
        };
        self.credentials = step(self.credentials, 1);
        for (algorithm, count) in ALGORITHMS.into_iter().zip(&mut self.algorithms) {
            *count = step(*count, usize::from(ha1.hex(algorithm).is_some()));
        }
    }
}

impl<'d> FromIterator<(&'d str, Device)> for Devices {
    fn from_iter<T: IntoIterator<Item = (&'d str, Device)>>(devices: T) -> Self {
        let mut all = Self::default();
        for (id, device) in devices {
            all.put(id, Some(device));
        }
        all
    }
}

/// How many parts a full map has: changing one of 100,000 entries copies a list of parts and about 200 entries.
const PARTS: usize = 512;

/// A map in parts, each of which versions share until one changes it.
#[derive(Clone, Debug)]
struct Parts<K, V> {
    /// Empty, or [`PARTS`] long.
    parts: Arc<Vec<Arc<BTreeMap<K, V>>>>,
}

impl<K, V> Default for Parts<K, V> {
    fn default() -> Self {
        Self {
            parts: Arc::default(),
        }
    }
}

impl<K: Clone + Ord, V: Clone> Parts<K, V> {
    /// Where entries of this name are.
    fn part(&self, name: &[u8]) -> Option<&BTreeMap<K, V>> {
        self.parts.get(part_of(name)).map(|part| &**part)
    }

    fn change<T>(&mut self, name: &[u8], change: impl FnOnce(&mut BTreeMap<K, V>) -> T) -> T {
        let parts = Arc::make_mut(&mut self.parts);
        if parts.is_empty() {
            parts.resize_with(PARTS, Arc::default);
        }
        change(Arc::make_mut(&mut parts[part_of(name)]))
    }

    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }
}

/// The key is public: a customer who aims ids at one part slows its own look-ups down to a tree search.
fn part_of(name: &[u8]) -> usize {
    let hash = KeyedHash::new(&[0; 16]).short(&[name]);
    usize::try_from(hash % PARTS as u64).expect("the remainder is below PARTS")
}
