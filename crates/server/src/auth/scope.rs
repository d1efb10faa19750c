//! What a key may do, in three words.

use std::fmt;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The call commands.
    Calls,
    /// Everything provisioned, keys and secrets included.
    Provisioning,
    /// Looking at anything that is no secret.
    Read,
}

impl Scope {
    const ALL: [Self; 3] = [Self::Calls, Self::Provisioning, Self::Read];

    /// The word of the scope.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Provisioning => "provisioning",
            Self::Read => "read",
        }
    }
}

/// The scopes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// No scope: what a key has whose scopes nobody understands.
    pub const NONE: Self = Self(0);
    /// Every scope: what a key has that names none.
    pub const ALL: Self = Self(0b111);

    /// From words.
    ///
    /// # Errors
    /// The unknown word.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut scopes = Self::NONE;
        for word in words {
            let scope = Scope::ALL.into_iter().find(|scope| scope.as_str() == word);
            scopes.0 |= 1 << scope.ok_or_else(|| word.to_owned())? as u8;
        }
        Ok(scopes)
    }

    /// Whether `scope` is among them.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & 1 << scope as u8 != 0
    }

    /// Their words.
    pub fn words(self) -> Vec<String> {
        let named = Scope::ALL.into_iter().filter(|scope| self.has(*scope));
        named.map(|scope| scope.as_str().to_owned()).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}
