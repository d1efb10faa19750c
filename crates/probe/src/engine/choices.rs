//! Decisions, taken from octets until there are none left.

use std::time::Duration;

/// A source of decisions; an empty one always takes the first choice.
pub(super) struct Choices<'b>(&'b [u8]);

impl<'b> Choices<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    /// One of `choices`, which is not empty.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }

    /// One of `things`, counted from the newest.
    pub(super) fn recent<'t, T>(&mut self, things: &'t [T]) -> Option<&'t T> {
        let back = usize::from(self.byte());
        let place = things.len().checked_sub(1 + back % things.len().max(1))?;
        things.get(place)
    }

    /// Octets of the length that the first two say.
    pub(super) fn octets(&mut self) -> &'b [u8] {
        let length = usize::from(u16::from_be_bytes([self.byte(), self.byte()]));
        let length = length.min(self.0.len());
        self.0.split_off(..length).unwrap_or_default()
    }

    pub(super) fn pause(&mut self) -> Duration {
        const MILLIS: [u64; 12] = [
            1, 20, 250, 500, 1_100, 4_000, 10_000, 33_000, 61_000, 185_000, 320_000, 700_000,
        ];
        Duration::from_millis(self.pick(&MILLIS))
    }
}
