//! The results as JSON files. `docs/bench-json.md` describes them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;

use crate::bench::compute::outcome::Outcome;

/// Writes all results as one JSON object.
pub(crate) fn results(outcome: &Outcome, path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    serde_json::to_writer_pretty(&mut file, outcome)?;
    writeln!(file)?;
    file.flush()?;
    Ok(())
}

/// Writes the answers of the first reported scenario, as JSON lines.
pub(crate) fn answers(outcome: &Outcome, path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for line in outcome.scenarios.iter().take(1).flat_map(|scenario| &scenario.lines) {
        serde_json::to_writer(&mut file, line)?;
        writeln!(file)?;
    }
    file.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use match_core::Timing;
    use serde_json::Value;
    use testbed::corpus::Tally;

    use super::*;
    use crate::bench::compute::outcome::{Accuracy, Assumption, OneFile, Run, Seen, Series};
    use crate::bench::compute::scenario::example;

    fn whole() -> Outcome {
        let run = Run { items: 1, calls: 1, hit_rate: 1.0 };
        let (name, what) = ("remembered".to_owned(), String::new());
        let one_file = OneFile { name, what, calls: 0, timing: Timing::default() };
        let accuracy = Accuracy { distortion: "another year".to_owned(), tally: Tally::default() };
        let assumption = Assumption { question: String::new(), seen: String::new(), holds: true };
        Outcome {
            scenarios: vec![example("cold")],
            series: Some(Series { runs: vec![run], one_file: vec![one_file] }),
            accuracy: vec![accuracy],
            server: Some(Seen { version: "1.40".to_owned(), assumptions: vec![assumption] }),
            ..Outcome::new(1)
        }
    }

    /// The names in the first column of the table below a heading. One row may have several.
    fn documented(page: &str, heading: &str) -> BTreeSet<String> {
        let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap();
        let rows = section.split("\n## ").next().unwrap().lines();
        let first = rows.filter_map(|row| row.strip_prefix("| `")?.split(" | ").next());
        first
            .flat_map(|cell| cell.split('`').step_by(2).map(str::to_owned))
            .filter(|name| !name.is_empty())
            .collect()
    }

    #[test]
    fn the_page_names_every_field() {
        let page = include_str!("../../../../docs/bench-json.md");
        let json = serde_json::to_value(whole()).unwrap();
        for (heading, value) in [
            ("The run", &json),
            ("A scenario", &json["scenarios"][0]),
            ("A series", &json["series"]),
            ("A line of accuracy", &json["accuracy"][0]),
            ("The server", &json["server"]),
        ] {
            let fields: BTreeSet<String> = value.as_object().unwrap().keys().cloned().collect();
            assert_eq!(documented(page, heading), fields, "{heading}");
        }
        // The fields of these objects are all named in one row.
        for (value, row) in [
            (&json["machine"], "`machine`"),
            (&json["scenarios"][0]["answers"], "`answers`"),
            (&json["scenarios"][0]["calls"], "`calls`"),
            (&json["series"]["runs"][0], "`runs`"),
            (&json["series"]["one_file"][0], "`one_file`"),
            (&json["server"]["assumptions"][0], "`assumptions`"),
        ] {
            let line = page.lines().find(|line| line.starts_with(&format!("| {row}"))).unwrap();
            for field in value.as_object().map(serde_json::Map::keys).unwrap() {
                assert!(line.contains(&format!("`{field}`")), "{row} has {field}: {line}");
            }
        }
        assert_eq!(json["schema"], Value::from(1), "the page says which");
    }
}
