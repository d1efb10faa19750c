//! Parts that the program cannot do without.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The program has done what it owes, and ends.
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// Held by a thread for as long as it runs, by a task while it is polled. A panic meanwhile takes the program with it, as
/// `kill -9` would: the next start takes up every call, where a program that went on would leave them to nobody.
#[derive(Debug)]
pub struct Vital(&'static str);

impl Vital {
    /// A part of that name.
    pub const fn part(name: &'static str) -> Self {
        Self(name)
    }

    /// No part is vital any longer: all is written, and the program ends. What still runs finds its runtime gone.
    pub fn end_well() {
        IS_OVER.store(true, Ordering::Relaxed);
    }
}

impl Drop for Vital {
    fn drop(&mut self) {
        if thread::panicking() && !IS_OVER.load(Ordering::Relaxed) {
            tracing::error!(
                part = self.0,
                "a fault of this program: it ends here, and its next start takes up the calls; please report the panic above"
            );
            std::process::abort();
        }
    }
}
