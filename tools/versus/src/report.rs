//! What was found, for people and for programs.

use crate::difference::Difference;
use crate::intended::{Intended, shown};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A difference, in all versions in which it shows.
#[derive(Debug)]
struct Finding {
    case: String,
    step: usize,
    api: String,
    versions: BTreeSet<i16>,
    difference: Difference,
    /// The place of its reason among the intended ones.
    reason: Option<usize>,
}

/// All that was compared.
#[derive(Debug)]
pub struct Report {
    intended: Vec<Intended>,
    findings: Vec<Finding>,
    /// What went wrong in the comparing itself.
    failures: Vec<String>,
    compared: BTreeSet<(String, i16)>,
    cases: BTreeSet<String>,
    answers: usize,
}

impl Report {
    pub fn new(intended: Vec<Intended>) -> Self {
        Self {
            intended,
            findings: Vec::new(),
            failures: Vec::new(),
            compared: BTreeSet::new(),
            cases: BTreeSet::new(),
            answers: 0,
        }
    }

    pub fn case(&mut self, case: &str) {
        self.cases.insert(case.to_owned());
    }

    pub fn failure(&mut self, text: String) {
        self.failures.push(text);
    }

    /// Notes a compared answer and where the two differ.
    pub fn answer(
        &mut self,
        case: &str,
        step: usize,
        api: &str,
        version: i16,
        found: Vec<Difference>,
    ) {
        self.answers += 1;
        self.compared.insert((api.to_owned(), version));
        for difference in found {
            let known = self.findings.iter_mut().find(|finding| {
                finding.case == case && finding.step == step && finding.difference == difference
            });
            if let Some(finding) = known {
                finding.versions.insert(version);
                continue;
            }
            let mut intended = self.intended.iter();
            let reason = intended.position(|one| one.explains(case, api, &difference));
            self.findings.push(Finding {
                case: case.to_owned(),
                step,
                api: api.to_owned(),
                versions: BTreeSet::from([version]),
                difference,
                reason,
            });
        }
    }

    /// Whether an API was compared in a version.
    pub fn has_compared(&self, api: &str, version: i16) -> bool {
        self.compared.contains(&(api.to_owned(), version))
    }

    fn unexplained(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.reason.is_none())
    }

    /// Reasons that explain nothing any more.
    fn stale(&self) -> Vec<&Intended> {
        let used: BTreeSet<_> = self
            .findings
            .iter()
            .filter_map(|finding| finding.reason)
            .collect();
        let all = self.intended.iter().enumerate();
        all.filter(|(at, _)| !used.contains(at))
            .map(|(_, one)| one)
            .collect()
    }

    /// Whether nothing is left to explain; stale reasons count if all cases ran.
    pub fn holds(&self, all: bool) -> bool {
        self.failures.is_empty()
            && self.unexplained().next().is_none()
            && !(all && !self.stale().is_empty())
    }

    pub fn print(&self, verbose: bool, all: bool) {
        for case in &self.cases {
            let of_case = self.findings.iter().filter(|finding| finding.case == *case);
            let (intended, different): (Vec<_>, Vec<_>) =
                of_case.partition(|finding| finding.reason.is_some());
            let word = match (different.len(), intended.len()) {
                (0, 0) => "equal",
                (0, _) => "intended",
                _ => "DIFFERENT",
            };
            if verbose || word == "DIFFERENT" {
                println!("{word:<10} {case}");
            }
            for finding in different {
                println!("    {}", finding.line());
            }
            for finding in intended.iter().filter(|_| verbose) {
                let reason = finding.reason.map(|at| self.intended[at].reason.as_str());
                println!(
                    "    {}\n        because {}",
                    finding.line(),
                    reason.unwrap_or_default()
                );
            }
        }
        for failure in &self.failures {
            println!("FAILED     {failure}");
        }
        if all {
            for stale in self.stale() {
                println!("STALE      {} {}: {}", stale.case, stale.path, stale.reason);
            }
        }
        let different: BTreeSet<_> = self.unexplained().map(|finding| &finding.case).collect();
        println!(
            "{} cases, {} answers in {} versions of APIs: {} unexplained differences in {} cases, \
             {} intended, {} failures",
            self.cases.len(),
            self.answers,
            self.compared.len(),
            self.unexplained().count(),
            different.len(),
            self.findings.len() - self.unexplained().count(),
            self.failures.len(),
        );
    }

    pub fn json(&self, all: bool) -> Value {
        let findings = self.findings.iter().map(|finding| {
            json!({
                "case": finding.case,
                "step": finding.step,
                "api": finding.api,
                "versions": finding.versions,
                "path": finding.difference.path,
                "kafka": finding.difference.kafka,
                "corelane": finding.difference.corelane,
                "reason": finding.reason.map(|at| &self.intended[at].reason),
            })
        });
        let stale = self.stale().into_iter().filter(|_| all);
        let stale =
            stale.map(|one| json!({"case": one.case, "path": one.path, "reason": one.reason}));
        json!({
            "cases": self.cases.len(),
            "answers": self.answers,
            "compared": self.compared,
            "differences": findings.collect::<Vec<_>>(),
            "stale": stale.collect::<Vec<_>>(),
            "failures": self.failures,
            "holds": self.holds(all),
        })
    }
}

impl Finding {
    fn line(&self) -> String {
        let versions = match (self.versions.first(), self.versions.last()) {
            (Some(first), Some(last)) if first != last => format!("{first}-{last}"),
            (Some(one), _) => one.to_string(),
            _ => String::new(),
        };
        format!(
            "step {} {} {versions} {}: Kafka {}, corelane {}",
            self.step + 1,
            self.api,
            self.difference.path,
            shown(&self.difference.kafka),
            shown(&self.difference.corelane),
        )
    }
}
