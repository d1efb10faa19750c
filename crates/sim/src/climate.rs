//! What a world is like: how much goes wrong, and where.

use crate::model::Excuses;
use crate::network::Weather;
use crate::random::Random;

/// What a run is like.
#[derive(Clone, Copy, Debug)]
pub struct Climate {
    /// The network.
    pub weather: Weather,
    /// How often of a hundred something goes wrong with the application.
    pub faults: u64,
    /// Phones of a hundred that die on the way.
    pub deaths: u64,
    /// Messages of a hundred to which a phone does something no user agent should.
    pub mischief: u64,
    /// The longest a write takes, in milliseconds.
    pub write: u64,
    /// The most times the disk stalls, for up to 10 s.
    pub stalls: u64,
    /// The most times the disk refuses every write, for up to 10 s.
    pub refusals: u64,
    /// The most times the node crashes.
    pub crashes: u64,
    /// The most times its wall clock is set.
    pub jumps: u64,
    /// The most times the node is so busy that messages wait.
    pub rushes: u64,
}

impl Climate {
    /// Everything works.
    pub const CALM: Self = Self {
        weather: Weather::CALM,
        faults: 0,
        deaths: 0,
        mischief: 0,
        write: 1,
        stalls: 0,
        refusals: 0,
        crashes: 0,
        jumps: 0,
        rushes: 0,
    };

    /// Some climate.
    pub fn drawn(random: &mut Random) -> Self {
        Self {
            weather: Weather::drawn(random),
            faults: random.pick(&[0, 10, 50]),
            deaths: random.pick(&[0, 0, 30]),
            mischief: random.pick(&[0, 0, 3, 20]),
            write: random.pick(&[1, 5, 50, 1_000]),
            stalls: random.pick(&[0, 0, 3]),
            refusals: random.pick(&[0, 0, 0, 2]),
            crashes: random.pick(&[0, 1, 1, 2, 5]),
            jumps: random.pick(&[0, 0, 3]),
            rushes: random.pick(&[0, 0, 3]),
        }
    }

    /// What the model may not demand in it.
    pub const fn excuses(&self) -> Excuses {
        Excuses {
            // A message that goes down with its stream is not repeated: only the session refresh finds out.
            bad_network: self.weather.loss > 20
                || self.weather.corrupt > 0
                || self.weather.breaks > 0
                || self.mischief > 0,
            bad_disk: self.refusals > 0,
        }
    }
}
