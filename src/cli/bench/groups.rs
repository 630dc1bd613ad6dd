//! What consumer groups cost: all members join, then only say that they are there, then are
//! restarted one after the other. Every member has a connection of its own, as members do.

mod member;

use super::super::{CliError, human};
use super::commits::find_coordinators;
use super::pace::Pace;
use super::report::rounded;
use super::{Bounds, BrokerArgs, say};
use clap::Args;
use member::{Member, Workplace};
use serde::Serialize;
use std::fmt;
use std::time::Instant;

/// How often a member says that it is there, as clients do by default.
const HEARTBEATS_PER_S: f64 = 1.0 / 3.0;

/// How often each has done so before what that costs is measured: joining is over then.
const TURNS_BEFORE: usize = 2;

#[derive(Debug, Clone, Args)]
pub(crate) struct GroupsArgs {
    #[command(flatten)]
    broker: BrokerArgs,

    /// How many groups
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    groups: u16,

    /// How many members each has
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    members: u16,

    /// How many topics each member wants
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    topics: u16,
}

/// Of `bench groups`.
#[derive(Debug, Serialize)]
pub(super) struct Groups {
    groups: u16,
    members: u16,
    topics: u16,
    /// Until every member of every group had joined.
    join_s: f64,
    /// Of heartbeats alone: processor time per time that passed, 1 is one whole core. Absent for a
    /// broker elsewhere, as is all of the broker.
    idle_broker_cores: Option<f64>,
    heartbeats_per_s: f64,
    /// Until every member had left and joined again: one of each group at a time, until all others
    /// had an assignment again.
    restart_s: f64,
    restart_broker_cpu_s: Option<f64>,
    broker_rss_anon_mb: Option<f64>,
}

impl GroupsArgs {
    pub(super) fn measure(self, bounds: &Bounds) -> Result<Groups, CliError> {
        let mut broker = self.broker.open(bounds, None)?;
        let leaders = broker.leaders()?;
        let address = leaders.first().map_or("", |led| led.address.as_str());
        let name = |number| format!("corelane-bench-{number}");
        let names: Vec<String> = (0..self.groups).map(name).collect();
        say("waiting for the coordinators");
        find_coordinators(address, &names)?;
        say("connecting");
        let topics = (0..self.topics).map(|number| format!("corelane-bench-topic-{number}"));
        let work = Workplace::new(topics.collect(), self.members.into())?;
        let mut members = Vec::new();
        for group in &names {
            for _ in 0..self.members {
                members.push(Member::connect(address, group)?);
            }
        }
        say("joining");
        let started = Instant::now();
        member::come(&mut members.iter_mut().collect::<Vec<_>>(), &work)?;
        member::settle(&mut members.iter_mut().collect::<Vec<_>>(), &work)?;
        let join_s = started.elapsed().as_secs_f64();
        say("heartbeats");
        // Members do not wait for each other: each has its answer at the latest when its turn
        // comes again.
        let pace = Pace::new(HEARTBEATS_PER_S * members.len() as f64);
        let (turn, measured_from) = (members.len(), members.len() * TURNS_BEFORE);
        let (mut before, mut watch) = (None, bounds.start());
        let mut heartbeats = 0;
        for (number, member) in members.iter().cycle().enumerate() {
            pace.wait(number as u64);
            bounds.interrupt.check()?;
            if number == measured_from {
                (before, watch) = (broker.cpu_s(), bounds.start());
                heartbeats = 0;
            } else if number > measured_from && watch.is_over() {
                break;
            }
            if number >= turn {
                member.was_heard()?;
            }
            member.heartbeat()?;
            heartbeats += 1;
        }
        let seconds = watch.seconds()?;
        let idle = broker.cpu_s().zip(before).map(|(now, before)| now - before);
        let mut unheard = members.iter().cycle().skip(heartbeats % turn).take(turn);
        unheard.try_for_each(Member::was_heard)?;
        say("restarting");
        let before = broker.cpu_s();
        let started = Instant::now();
        for round in 0..self.members {
            self.restart(&mut members, round.into(), &work)?;
            bounds.interrupt.check()?;
        }
        let restart_s = started.elapsed().as_secs_f64();
        let restart = broker.cpu_s().zip(before).map(|(now, before)| now - before);
        Ok(Groups {
            groups: self.groups,
            members: self.members,
            topics: self.topics,
            join_s: rounded(join_s),
            idle_broker_cores: idle.map(|used| (used / seconds * 1e4).round() / 1e4),
            heartbeats_per_s: rounded(heartbeats as f64 / seconds),
            restart_s: rounded(restart_s),
            restart_broker_cpu_s: restart.map(rounded),
            broker_rss_anon_mb: broker.rss_anon_mb().map(rounded),
        })
    }

    /// Lets one member of each group leave and come back.
    fn restart(
        &self,
        members: &mut [Member],
        round: usize,
        work: &Workplace,
    ) -> Result<(), CliError> {
        let mut restarting = Vec::new();
        let mut staying = Vec::new();
        for (number, member) in members.iter_mut().enumerate() {
            match number % usize::from(self.members) == round {
                true => restarting.push(member),
                false => staying.push(member),
            }
        }
        for member in &mut restarting {
            member.leave()?;
        }
        for member in &restarting {
            member.has_left()?;
        }
        member::come(&mut restarting, work)?;
        member::join(&staying, work)?;
        restarting.extend(staying);
        member::settle(&mut restarting, work)
    }
}

impl fmt::Display for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = human::count(u64::from(self.groups));
        writeln!(
            f,
            "{groups} groups of {} members, {} topics: joined in {:.1} s, restarted in {:.1} s",
            self.members, self.topics, self.join_s, self.restart_s
        )?;
        if let (Some(idle), Some(restart)) = (self.idle_broker_cores, self.restart_broker_cpu_s) {
            let (percent, rate) = (idle * 100.0, self.heartbeats_per_s);
            writeln!(
                f,
                "broker: {percent:.2} % of a core with {rate:.0} heartbeats/s"
            )?;
            writeln!(
                f,
                "broker: {restart:.1} s of processor time for the restart"
            )?;
        }
        if let Some(rss) = self.broker_rss_anon_mb {
            writeln!(f, "broker: {rss:.0} MB of memory")?;
        }
        Ok(())
    }
}
