//! Devices by id: a map whose versions share all but the part that changed.

use std::collections::BTreeMap;
use std::sync::Arc;

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

/// What routing needs to know of a provisioned device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// How it proves itself.
    pub auth_type: AuthType,
}

/// How many parts a full map has: changing one of 100,000 devices copies a list of parts and about 200 devices.
const PARTS: usize = 512;

type Part = Arc<BTreeMap<Box<str>, Device>>;

/// Devices by id; a clone costs one reference count.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// Empty, or [`PARTS`] long.
    parts: Arc<[Part]>,
}

impl Devices {
    /// The device with this id.
    pub fn find(&self, id: &str) -> Option<&Device> {
        self.parts.get(part_of(id))?.get(id)
    }

    /// The same devices with one more, or with a newer version of one.
    #[must_use]
    pub fn with(&self, id: &str, device: Device) -> Self {
        self.changed(id, |part| {
            part.insert(id.into(), device);
        })
    }

    /// The same devices without one.
    #[must_use]
    pub fn without(&self, id: &str) -> Self {
        self.changed(id, |part| {
            part.remove(id);
        })
    }

    /// How many devices there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn changed(&self, id: &str, change: impl FnOnce(&mut BTreeMap<Box<str>, Device>)) -> Self {
        let mut parts: Vec<Part> = if self.parts.is_empty() {
            vec![Part::default(); PARTS]
        } else {
            self.parts.to_vec()
        };
        change(Arc::make_mut(&mut parts[part_of(id)]));
        Self {
            parts: parts.into(),
        }
    }
}

impl<'d> FromIterator<(&'d str, Device)> for Devices {
    fn from_iter<T: IntoIterator<Item = (&'d str, Device)>>(devices: T) -> Self {
        let mut parts = vec![BTreeMap::new(); PARTS];
        for (id, device) in devices {
            parts[part_of(id)].insert(id.into(), device);
        }
        Self {
            parts: parts.into_iter().map(Arc::new).collect(),
        }
    }
}

/// The key is public: a customer who aims ids at one part slows its own look-ups down to a tree search.
fn part_of(id: &str) -> usize {
    let hash = KeyedHash::new(&[0; 16]).short(&[id.as_bytes()]);
    usize::try_from(hash % PARTS as u64).expect("the remainder is below PARTS")
}
