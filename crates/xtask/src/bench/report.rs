//! Figures beside the bars they should reach: a table for people, JSON for comparisons.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

/// One figure.
#[derive(Serialize)]
pub(crate) struct Row {
    what: String,
    figure: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bar: Option<Bar>,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    pub(crate) fn new(what: &str, figure: f64, unit: &'static str) -> Self {
        Self {
            what: what.to_owned(),
            figure,
            unit,
            bar: None,
            note: String::new(),
        }
    }

    pub(crate) fn at_most(mut self, bar: f64) -> Self {
        self.bar = Some(Bar::AtMost(bar));
        self
    }

    pub(crate) fn at_least(mut self, bar: f64) -> Self {
        self.bar = Some(Bar::AtLeast(bar));
        self
    }

    pub(crate) fn note(mut self, note: String) -> Self {
        self.note = note;
        self
    }

    fn verdict(&self) -> String {
        let (bar, sign, is_met) = match self.bar {
            None => return String::new(),
            Some(Bar::AtMost(bar)) => (bar, "≤", self.figure <= bar),
            Some(Bar::AtLeast(bar)) => (bar, "≥", self.figure >= bar),
        };
        let verdict = if is_met { "met" } else { "MISSED" };
        format!("{sign} {bar} {verdict}")
    }
}

/// All figures of a run.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn add_all(&mut self, rows: Vec<Row>) {
        self.rows.extend(rows);
    }

    pub(crate) fn print(&self) {
        let width = self.rows.iter().map(|row| row.what.chars().count()).max();
        let width = width.unwrap_or_default();
        for row in &self.rows {
            let figure = format!("{:.2} {}", row.figure, row.unit);
            let verdict = row.verdict();
            println!(
                "{:width$}  {figure:>18}  {verdict:<16} {}",
                row.what, row.note
            );
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, serde_json::to_string_pretty(self)? + "\n")?;
        println!("written to {}", path.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Row;

    #[test]
    fn a_bar_is_met_or_missed() {
        assert_eq!(
            Row::new("cpu", 1.2, "×").at_most(1.3).verdict(),
            "≤ 1.3 met"
        );
        assert_eq!(
            Row::new("rate", 7_000.0, "/s").at_least(8_000.0).verdict(),
            "≥ 8000 MISSED"
        );
        assert_eq!(Row::new("rate", 7_000.0, "/s").verdict(), "");
    }
}
