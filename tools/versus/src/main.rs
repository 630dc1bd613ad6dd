//! Sends the same requests to Apache Kafka and to corelane, and reports where the answers differ.

mod case;
mod connection;
mod decode;
mod difference;
mod encode;
mod intended;
mod plain;
mod records;
mod report;
mod schema;
mod side;

use anyhow::{Result, bail};
use case::Case;
use clap::Parser;
use plain::Plain;
use report::Report;
use schema::Schema;
use serde_json::{Value, json};
use side::{Outcome, Run};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Runs at the same time; they have no names in common.
const RUNS_AT_ONCE: usize = 8;

/// Sends the same requests to Apache Kafka and to corelane, and reports where the answers differ.
#[derive(Debug, Parser)]
struct Options {
    /// Where Kafka listens.
    #[arg(long)]
    kafka: SocketAddr,
    /// Where corelane listens.
    #[arg(long)]
    corelane: SocketAddr,
    /// The folder with `cases/` and `intended.toml`.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
    /// Show cases without differences, and the intended ones with their reasons.
    #[arg(long)]
    verbose: bool,
    /// Show the answers themselves.
    #[arg(long)]
    show: bool,
    /// Only cases whose name contains one of these.
    cases: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let schema = Schema::load()?;
    let cases = case::load(&options.folder.join("cases"), &schema)?;
    let mut report = Report::new(intended::load(Path::new(
        &options.folder.join("intended.toml"),
    ))?);
    for address in [options.kafka, options.corelane] {
        warm_up(&schema, address)?;
    }
    let all = options.cases.is_empty();
    // Brokers that were asked before know other names.
    let series = format!("s{}", std::process::id());
    let (mut in_turn, mut rows) = (Vec::new(), Vec::new());
    for case in &cases {
        if all || options.cases.iter().any(|part| case.name.contains(part)) {
            for run in 0..case.runs(&schema)? {
                let number = in_turn.len() + rows.len();
                let run = (case, run, format!("v{number}{series}-"));
                if case.in_turn {
                    in_turn.push(run);
                } else {
                    rows.push(vec![run]);
                }
            }
        }
    }
    rows.insert(0, in_turn);
    // Most of the time is spent waiting: several rows of runs wait at once.
    let next = AtomicUsize::new(0);
    let noted = Mutex::new(&mut report);
    std::thread::scope(|scope| {
        for _ in 0..RUNS_AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(number) else {
                        break;
                    };
                    for (case, run, prefix) in row {
                        compare(&schema, &options, case, *run, prefix, &noted);
                    }
                }
            });
        }
    });
    if all {
        check_coverage(&schema, options.corelane, &mut report)?;
    }
    if options.json {
        println!("{:#}", report.json(all));
    } else {
        report.print(options.verbose, all);
    }
    Ok(if report.holds(all) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs a case on both sides at once and notes what differs.
fn compare(
    schema: &Schema,
    options: &Options,
    case: &Case,
    run: i16,
    prefix: &str,
    report: &Mutex<&mut Report>,
) {
    let of = |address| {
        let mut side = Run::new(schema, address, prefix.to_owned());
        let outcomes = side.case(case, run);
        outcomes.map(|outcomes| plain(&side, outcomes))
    };
    let (kafka, corelane) = std::thread::scope(|scope| {
        let kafka = scope.spawn(|| of(options.kafka));
        let corelane = of(options.corelane);
        (kafka.join(), corelane)
    });
    let Ok(mut report) = report.lock() else {
        return;
    };
    report.case(&case.name);
    let (kafka, corelane) = match (kafka, corelane) {
        (Ok(Ok(kafka)), Ok(corelane)) => (kafka, corelane),
        (Ok(Err(error)), _) => return report.failure(format!("{}: Kafka: {error:#}", case.name)),
        (_, Err(error)) => return report.failure(format!("{}: corelane: {error:#}", case.name)),
        (Err(_), _) => return report.failure(format!("{}: a panic", case.name)),
    };
    for (kafka, corelane) in kafka.iter().zip(&corelane) {
        let is_shown = kafka.value != corelane.value || options.verbose;
        if is_shown && options.show {
            println!(
                "{} step {} {} {}",
                case.name,
                kafka.step + 1,
                kafka.api,
                kafka.version
            );
            println!("  Kafka    {}\n  corelane {}", kafka.value, corelane.value);
        }
        let found = difference::differences(&kafka.value, &corelane.value);
        report.answer(&case.name, kafka.step, &kafka.api, kafka.version, found);
    }
}

fn plain(side: &Run<'_>, outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let mut plain = Plain::new(side);
    let outcomes = outcomes.into_iter().map(|outcome| Outcome {
        value: plain.answer(&outcome.value),
        ..outcome
    });
    outcomes.collect()
}

/// Waits until the groups' coordinators are there.
fn warm_up(schema: &Schema, address: SocketAddr) -> Result<()> {
    let mut side = Run::new(schema, address, String::new());
    let names: Vec<_> = (0..100).map(|number| format!("warm-{number}")).collect();
    let asks = [
        (
            "FindCoordinator",
            json!({"KeyType": 0, "CoordinatorKeys": names}),
            "Coordinators",
        ),
        ("DeleteGroups", json!({"GroupsNames": names}), "Results"),
    ];
    let deadline = Instant::now() + Duration::from_secs(60);
    for (api, fields, results) in asks {
        let api = schema.api(api)?;
        loop {
            let answer = side.ask(api, &fields)?;
            let results = answer[results].as_array().cloned().unwrap_or_default();
            let is_ready = |one: &Value| matches!(one["ErrorCode"].as_i64(), Some(0 | 69));
            if !results.is_empty() && results.iter().all(is_ready) {
                break;
            }
            if Instant::now() > deadline {
                bail!("{address}: no coordinator after a minute: {answer}");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    // Kafka's broker first asks its controller for a block of producers' ids.
    let fields = json!({"TransactionalId": null, "TransactionTimeoutMs": 60_000});
    while side.ask(schema.api("InitProducerId")?, &fields)?["ErrorCode"] != 0 {
        if Instant::now() > deadline {
            bail!("{address}: no producer id after a minute");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Notes each version that corelane serves and no case asked for.
fn check_coverage(schema: &Schema, corelane: SocketAddr, report: &mut Report) -> Result<()> {
    let mut side = Run::new(schema, corelane, String::new());
    let fields = json!({"ClientSoftwareName": "versus", "ClientSoftwareVersion": "1"});
    let answer = side.ask(schema.api("ApiVersions")?, &fields)?;
    for served in answer["ApiKeys"].as_array().cloned().unwrap_or_default() {
        let number = |name: &str| served[name].as_i64().unwrap_or(-1);
        let Some(api) = schema
            .apis()
            .find(|api| i64::from(api.key) == number("ApiKey"))
        else {
            report.failure(format!(
                "API {} is served and not in messages.txt",
                number("ApiKey")
            ));
            continue;
        };
        let mut missing = Vec::new();
        for version in number("MinVersion")..=number("MaxVersion") {
            // Produce 0 to 2 are announced for old librdkafka and never served.
            let is_asked = api.key == 0 && version < 3;
            if !is_asked && !report.has_compared(&api.name, version as i16) {
                missing.push(version);
            }
        }
        if !missing.is_empty() {
            report.failure(format!("no case asks for {} {missing:?}", api.name));
        }
    }
    Ok(())
}
