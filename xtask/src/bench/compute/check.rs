//! The conditions that a run must meet. Otherwise the bench fails.

use anyhow::{Result, bail, ensure};

use super::outcome::Outcome;
use super::scenario::Scenario;

/// Scenarios in which nothing changed and all files are asked again.
const WARM: [&str; 5] = ["repeat", "warm", "fresh", "live", "scanned"];

/// How many calls the naive client must make for one of ours on a warm run, in a library of at
/// least [`WARM_ITEMS`].
const WARM_RATIO: f64 = 10_000.0;
/// The same for the best client without a cache. That client lists everything in 11 calls. If a
/// scan ran, Matchbox makes a second call.
const BEST_RATIO: f64 = 5.0;
/// See [`WARM_RATIO`].
const WARM_ITEMS: u64 = 10_000;

/// Facts about the input that decide which conditions apply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Titles may have to decide, so a file may be missed.
    pub(crate) titles_decide: bool,
    /// The bench generated the library, so the cost of the naive client in it is known.
    pub(crate) generated: bool,
}

/// Fails the run if an answer is wrong or (unless titles had to decide) missed, if a budget was
/// exceeded, if a warm run does not have the required ratio to the other clients, or if the server
/// could not be asked.
pub(crate) fn judge(outcome: &Outcome, terms: Terms) -> Result<()> {
    outcome.all().try_for_each(|scenario| judge_one(scenario, terms))?;
    for line in &outcome.accuracy {
        let (name, wrong) = (&line.distortion, line.tally.high_wrong);
        ensure!(wrong == 0, "{name}: {wrong} answers of high confidence were wrong");
    }
    Ok(())
}

fn judge_one(scenario: &Scenario, terms: Terms) -> Result<()> {
    let name = &scenario.name;
    if let Some(reason) = &scenario.unexpected_unknown {
        bail!("{name}: no answer: {reason}");
    }
    let (wrong, missed, queries) = (scenario.wrong, scenario.missed, scenario.queries);
    ensure!(wrong == 0, "{name}: {wrong} of {queries} answers were wrong");
    ensure!(
        missed == 0 || terms.titles_decide,
        "{name}: {missed} of {queries} files are there and were not found"
    );
    if let Some(problem) = &scenario.problem {
        bail!("{name}: {problem}");
    }
    let calls = scenario.calls.total;
    if let Some(budget) = scenario.budget {
        ensure!(calls <= budget, "{name}: {calls} calls, and the budget is {budget}");
    }
    if terms.generated && WARM.contains(&&**name) && scenario.items >= WARM_ITEMS {
        for (who, ratio, least) in [
            ("the naive client", scenario.naive_ratio(), WARM_RATIO),
            ("the best of the other clients", scenario.ratio(), BEST_RATIO),
        ] {
            let ratio = ratio.unwrap_or_default();
            ensure!(
                ratio >= least,
                "{name}: {who} makes {ratio} calls for one of ours, and the bench requires {least}"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use testbed::corpus::Tally;

    use super::*;
    use crate::bench::compute::outcome::Accuracy;
    use crate::bench::compute::scenario::{Naive, Rival, example};

    const TERMS: Terms = Terms { titles_decide: false, generated: true };

    fn warm(naive: u64) -> Scenario {
        Scenario { items: 10_000, naive: Naive::scaled(naive, 1, 1), ..example("warm") }
    }

    #[track_caller]
    fn fails(scenario: &Scenario, terms: Terms, says: &str) {
        let error = judge_one(scenario, terms).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn what_has_to_hold() {
        judge_one(&example("cold"), TERMS).unwrap();
        judge_one(&warm(10_000), TERMS).unwrap();
        fails(&Scenario { wrong: 1, ..example("cold") }, TERMS, "1 of 10 answers were wrong");
        fails(&Scenario { budget: Some(0), ..example("cold") }, TERMS, "the budget is 0");
        let problem = Some("a problem".to_owned());
        fails(&Scenario { problem, ..example("cold") }, TERMS, "a problem");
        let unexpected_unknown = Some("401".to_owned());
        fails(&Scenario { unexpected_unknown, ..example("cold") }, TERMS, "no answer: 401");
    }

    #[test]
    fn high_confidence_is_never_wrong() {
        let mut outcome = Outcome::new(1);
        outcome.scenarios.push(example("cold"));
        let tally = Tally { cases: 2, low_wrong: 1, ..Tally::default() };
        outcome.accuracy.push(Accuracy { distortion: "another year".to_owned(), tally });
        judge(&outcome, TERMS).unwrap();
        outcome.accuracy[0].tally.high_wrong = 1;
        let error = judge(&outcome, TERMS).unwrap_err().to_string();
        assert!(error.contains("another year: 1 answers of high"), "{error}");
    }

    #[test]
    fn where_titles_decide_a_file_may_be_missed_and_never_wrong() {
        let missed = || Scenario { missed: 2, ..example("cold") };
        fails(&missed(), TERMS, "2 of 10 files are there");
        let terms = Terms { titles_decide: true, ..TERMS };
        judge_one(&missed(), terms).unwrap();
        fails(&Scenario { wrong: 1, ..missed() }, terms, "wrong");
    }

    #[test]
    fn a_warm_run_at_ten_thousand_is_far_ahead() {
        fails(&warm(9_999), TERMS, "9999 calls for one of ours");
        fails(&Scenario { naive: Naive::default(), ..warm(0) }, TERMS, "0 calls for one");
        let rival = |calls| Rival { gave_up: false, ..Rival::gave_up("lists".to_owned(), calls) };
        let beside = |calls| Scenario { rivals: vec![rival(calls)], ..warm(10_000) };
        judge_one(&beside(11), TERMS).unwrap();
        fails(&beside(4), TERMS, "the best of the other clients makes 4 calls");
        // Small libraries, and libraries that were not generated, have weaker conditions.
        judge_one(&Scenario { items: 9_999, ..warm(1) }, TERMS).unwrap();
        judge_one(&warm(1), Terms { generated: false, ..TERMS }).unwrap();
    }
}
