use super::super::latency::Percentiles;
use super::super::{CliError, human, output};
use serde::Serialize;
use std::fmt;

/// Writes a result for people or for programs.
pub(super) fn tell(result: &(impl Serialize + fmt::Display), json: bool) -> Result<(), CliError> {
    if json {
        output::json(result)
    } else {
        output::text(result)
    }
}

/// Of `bench ceiling`.
#[derive(Debug, Serialize)]
pub(super) struct Ceiling {
    pub(super) mb_per_s: f64,
}

/// Of `bench loop`.
#[derive(Debug, Serialize)]
pub(super) struct Loop {
    pub(super) mb_per_s: f64,
}

/// Of `bench disk`.
#[derive(Debug, Serialize)]
pub(super) struct Disk {
    /// 1 MiB writes into reserved space, synced at the end.
    pub(super) sequential_write_mb_per_s: f64,
    /// 4 KiB writes into space written before, around the page cache where the file system allows
    /// that, from issuing them on a core until it hears that they are on the device.
    pub(super) direct_write_us: Percentiles,
    /// A small question over loopback and its answer, for which nothing is written.
    pub(super) echo_us: Percentiles,
    /// Of batches at a rate: from when sending was due to the answer. Those that came during a
    /// write shared the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ack_us: Option<Percentiles>,
}

/// The bases of comparison, measured in the same run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bases {
    pub(super) ceiling_mb_per_s: f64,
    pub(super) loop_mb_per_s: f64,
    /// Of durable writes at the same rate, by a core that does nothing else.
    pub(super) disk_ack_us: Option<Percentiles>,
}

/// Of `bench produce` and `bench consume`. A MB is 10^6 bytes of record batches.
#[derive(Debug, Serialize)]
pub(super) struct Throughput {
    pub(super) what: &'static str,
    pub(super) durability: &'static str,
    pub(super) seconds: f64,
    pub(super) bytes: u64,
    pub(super) records_per_s: f64,
    pub(super) mb_per_s: f64,
    pub(super) ceiling_mb_per_s: f64,
    pub(super) share_of_ceiling: f64,
    pub(super) loop_mb_per_s: f64,
    pub(super) share_of_loop: f64,
    /// From sending (open loop: from when sending was due) to the ack; absent without acks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ack_us: Option<Percentiles>,
    /// The same of batches that are written durably at the same rate and nothing else is done
    /// with; absent without a rate, or without durability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disk_ack_us: Option<Percentiles>,
    /// From asking to the last byte of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fetch_us: Option<Percentiles>,
    /// Absent for a broker that runs elsewhere.
    pub(super) broker_cpu_s_per_gb: Option<f64>,
    pub(super) broker_rss_anon_mb: Option<f64>,
}

/// What was measured, before it is compared.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) what: &'static str,
    pub(super) durability: &'static str,
    pub(super) seconds: f64,
    pub(super) bytes: u64,
    pub(super) records: u64,
    pub(super) ack_us: Option<Percentiles>,
    pub(super) fetch_us: Option<Percentiles>,
    pub(super) broker_cpu_s: Option<f64>,
    pub(super) broker_rss_anon_mb: Option<f64>,
}

impl Measured {
    pub(super) fn compared(self, bases: Bases) -> Throughput {
        let seconds = self.seconds.max(1e-6);
        let mb_per_s = self.bytes as f64 / 1e6 / seconds;
        let gigabytes = self.bytes as f64 / 1e9;
        Throughput {
            what: self.what,
            durability: self.durability,
            seconds: rounded(seconds),
            bytes: self.bytes,
            records_per_s: (self.records as f64 / seconds).round(),
            mb_per_s: rounded(mb_per_s),
            ceiling_mb_per_s: bases.ceiling_mb_per_s,
            share_of_ceiling: rounded(mb_per_s / bases.ceiling_mb_per_s),
            loop_mb_per_s: bases.loop_mb_per_s,
            share_of_loop: rounded(mb_per_s / bases.loop_mb_per_s),
            ack_us: self.ack_us,
            disk_ack_us: bases.disk_ack_us,
            fetch_us: self.fetch_us,
            broker_cpu_s_per_gb: self.broker_cpu_s.map(|cpu| rounded(cpu / gigabytes)),
            broker_rss_anon_mb: self.broker_rss_anon_mb.map(rounded),
        }
    }
}

/// Three digits after the point are more than any of this is worth.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "loopback TCP: {:.0} MB/s", self.mb_per_s)
    }
}

impl fmt::Display for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "receive, check, append: {:.0} MB/s", self.mb_per_s)
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sequential = self.sequential_write_mb_per_s;
        writeln!(f, "sequential writes: {sequential:.0} MB/s, synced")?;
        writeln!(f, "durable 4 KiB writes: {}", self.direct_write_us)?;
        writeln!(f, "a question and its answer: {}", self.echo_us)?;
        if let Some(acks) = self.ack_us {
            writeln!(f, "acks at that rate: {acks}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Throughput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} records/s, {:.0} MB/s ({} in {:.1} s, durability {})",
            self.what,
            human::count(self.records_per_s as u64),
            self.mb_per_s,
            human::bytes(self.bytes),
            self.seconds,
            self.durability
        )?;
        writeln!(
            f,
            "of loopback TCP ({:.0} MB/s): {:.0} %; of receive, check, append ({:.0} MB/s): {:.0} %",
            self.ceiling_mb_per_s,
            self.share_of_ceiling * 100.0,
            self.loop_mb_per_s,
            self.share_of_loop * 100.0
        )?;
        if let Some(latency) = self.ack_us {
            writeln!(f, "acks: {latency}")?;
        }
        if let Some(base) = self.disk_ack_us {
            writeln!(f, "durable writes alone, at the same rate: {base}")?;
        }
        if let Some(latency) = self.fetch_us {
            writeln!(f, "fetches: {latency}")?;
        }
        if let (Some(cpu), Some(rss)) = (self.broker_cpu_s_per_gb, self.broker_rss_anon_mb) {
            writeln!(f, "broker: {cpu:.2} CPU-s/GB, {rss:.0} MB of memory")?;
        }
        Ok(())
    }
}
