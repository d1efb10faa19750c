//! `/v1/{domain}/provisory`: drafts compared with what is in force, promoted, discarded.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lenient;
use crate::patch::PatchOperation;

/// Which drafts are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default)]
pub struct Drafts {
    /// These only; all of the domain when absent.
    #[serde(deserialize_with = "lenient::list")]
    #[schema(max_items = 1_000)]
    pub documents: Vec<DraftName>,
}

/// Which drafts are put in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default)]
pub struct Promotion {
    /// These only; all of the domain when absent.
    #[serde(deserialize_with = "lenient::list")]
    #[schema(max_items = 1_000)]
    pub documents: Vec<DraftName>,
    /// Whether a draft takes the place also of what was changed in force after the draft was written; false when
    /// absent.
    #[serde(deserialize_with = "lenient::boolean")]
    pub overwrite: Option<bool>,
}

/// Names one draft.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct DraftName {
    /// `cloudsipua`, `mediaservice`, `alarmbridge` or `alarmeventmapper`.
    #[schema(
        pattern = "^(cloudsipua|mediaservice|alarmbridge|alarmeventmapper)$",
        example = "cloudsipua"
    )]
    pub kind: String,
    /// Its id.
    #[schema(example = "0192e4a0-7c3e-7000-8000-000000000001")]
    pub id: String,
}

/// What a draft would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// There is nothing in force under its id.
    Create,
    /// It differs from what is in force.
    Replace,
    /// It is what is in force.
    Nothing,
}

/// One draft beside what is in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DraftChange {
    /// The draft.
    #[serde(flatten)]
    pub draft: DraftName,
    /// What it would do.
    pub effect: Effect,
    /// What would change, as RFC 6902 operations on what is in force; secrets are masked.
    pub changes: Vec<PatchOperation>,
}

/// Reply with what would change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DraftChanges {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// Every draft that is meant, by kind and id.
    pub drafts: Vec<DraftChange>,
}

/// Reply to drafts promoted or discarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DraftsDone {
    /// Always true.
    #[schema(example = true)]
    pub success: bool,
    /// How many drafts there were.
    #[schema(example = 1)]
    pub count: usize,
    /// Which.
    pub drafts: Vec<DraftName>,
}
