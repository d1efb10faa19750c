//! What stored documents were made into: what did not change since is not made again. A tenant with a thousand services
//! would otherwise pay for all of their patterns with each write to one.

use std::collections::BTreeMap;

use hookswitch_store::Result;
use hookswitch_store::documents::Document;

/// The documents of one kind with what they were made into, by id.
pub(super) struct Made<T>(BTreeMap<String, (String, T)>);

impl<T> Default for Made<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Made<T> {
    /// Takes up the documents that there are now; what makes `None` is left out.
    pub(super) fn renew(
        &mut self,
        documents: Vec<Document>,
        mut make: impl FnMut(&Document) -> Result<Option<T>>,
    ) -> Result<()> {
        let mut former = std::mem::take(&mut self.0);
        for document in documents {
            let made = match former.remove(&document.id) {
                // The version alone would not tell: what is restored from a backup has versions that were there before.
                Some((body, made)) if body == document.body => Some(made),
                _ => make(&document)?,
            };
            if let Some(made) = made {
                self.0.insert(document.id, (document.body, made));
            }
        }
        Ok(())
    }

    /// What was made, in the order of ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.values().map(|(_, made)| made)
    }
}
