//! Every default and limit, in one place, validated once.
//!
//! A [`Config`] is what the broker runs with. It is made of [`Settings`], each of which may be left
//! out: those of the command line are laid over those of `corelane.toml`, and defaults fill the
//! rest.

mod groups;
mod limits;

pub use groups::{GroupConfig, GroupSettings};
pub use limits::Limits;

use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

const MIB: u64 = 1024 * 1024;

/// More nodes than this must be asked for by name: librdkafka starts a thread for each.
const NODES_MAX: u16 = 8;

/// How the data cores appear to Kafka clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nodes {
    /// One address, one node.
    #[default]
    Single,
    /// Core i also listens on port + 1 + i and is the node that leads its partitions.
    PerCore,
}

/// What a broker runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the data lives.
    pub data: PathBuf,
    /// The shared listener.
    pub listen: SocketAddr,
    /// The host and port that clients are told. Port 0 stands for the one that is bound.
    pub advertised: (String, u16),
    /// How many data cores.
    pub cores: u16,
    /// One node or one per core.
    pub nodes: Nodes,
    /// Whether asking for a topic makes it (Kafka's `auto.create.topics.enable`).
    pub auto_create_topics: bool,
    /// Partitions of a topic whose creator does not say (Kafka's `num.partitions`).
    pub default_partitions: i32,
    /// Consumer groups.
    pub groups: GroupConfig,
    /// Partitions of the topic that keeps consumer groups, once it is made (Kafka's
    /// `offsets.topic.num.partitions`).
    pub offsets_topic_partitions: i32,
    /// Bounds.
    pub limits: Limits,
}

/// Settings as given on the command line or in `corelane.toml`, where they have the same names
/// (`advertised-address = "broker.example:9092"`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// Where the data lives.
    pub data: Option<PathBuf>,
    /// The shared listener's address and port.
    pub listen: Option<SocketAddr>,
    /// `HOST[:PORT]` that clients are told.
    pub advertised_address: Option<String>,
    /// How many data cores.
    pub cores: Option<u16>,
    /// One node or one per core.
    pub nodes: Option<Nodes>,
    /// Whether asking for a topic makes it.
    pub auto_create_topics: Option<bool>,
    /// Partitions of a topic whose creator does not say.
    pub default_partitions: Option<i32>,
    /// Partitions of the topic that keeps consumer groups; what exists is not changed.
    pub offsets_topic_partitions: Option<i32>,
    /// The largest request frame accepted, in bytes.
    pub request_bytes_max: Option<u32>,
    /// Bytes of requests under way per core.
    pub request_bytes_per_core_max: Option<u64>,
    /// Bytes appended but not yet synced per core.
    pub unsynced_bytes_per_core_max: Option<u64>,
    /// Bytes of memory per core for the keys of what it compacts.
    pub compaction_map_bytes_per_core: Option<u64>,
    /// Connections per core.
    pub connections_per_core_max: Option<usize>,
    /// Bytes of a journal file, a multiple of 4096. Each core's journal is written over a ring of
    /// these.
    pub journal_file_bytes: Option<u64>,
    /// Journal files per core.
    pub journal_files_max: Option<usize>,
    /// The longest pause between two syncs of segments that keep journal files from being used
    /// again.
    pub sync_pause_ms_max: Option<u64>,
    /// Bytes of sealed segments that a core compares with their checksums each second; 0 for none.
    pub scrub_bytes_per_second_max: Option<u64>,
    /// About how many bytes of segments a core reads to compact them each second.
    pub compaction_bytes_per_second_max: Option<u64>,
    /// Consumer groups.
    pub groups: Option<GroupSettings>,
}

/// Why settings are refused. Each message names the setting and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// `corelane.toml` does not parse.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// Where and why, as the parser says it.
        problem: String,
    },
    /// Clients cannot be told a wildcard address.
    #[error(
        "listen={0}: a wildcard address cannot be told to clients; name the one they reach this \
         machine by with --advertised-address HOST[:PORT]"
    )]
    WildcardListen(SocketAddr),
    /// The advertised address does not parse.
    #[error("advertised-address={0:?}: HOST or HOST:PORT is wanted")]
    AdvertisedAddress(String),
    /// A number out of range.
    #[error("{name}={value}: {wanted}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: u64,
        /// What would be accepted.
        wanted: &'static str,
    },
}

impl Settings {
    /// Reads `corelane.toml`.
    pub fn parse(path: PathBuf, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let problem = error.to_string();
            ConfigError::File { path, problem }
        })
    }

    /// These settings where given, `under` where not.
    #[must_use]
    pub fn over(self, under: Self) -> Self {
        Self {
            data: self.data.or(under.data),
            listen: self.listen.or(under.listen),
            advertised_address: self.advertised_address.or(under.advertised_address),
            cores: self.cores.or(under.cores),
            nodes: self.nodes.or(under.nodes),
            auto_create_topics: self.auto_create_topics.or(under.auto_create_topics),
            default_partitions: self.default_partitions.or(under.default_partitions),
            offsets_topic_partitions: self
                .offsets_topic_partitions
                .or(under.offsets_topic_partitions),
            request_bytes_max: self.request_bytes_max.or(under.request_bytes_max),
            request_bytes_per_core_max: self
                .request_bytes_per_core_max
                .or(under.request_bytes_per_core_max),
            unsynced_bytes_per_core_max: self
                .unsynced_bytes_per_core_max
                .or(under.unsynced_bytes_per_core_max),
            compaction_map_bytes_per_core: self
                .compaction_map_bytes_per_core
                .or(under.compaction_map_bytes_per_core),
            connections_per_core_max: self
                .connections_per_core_max
                .or(under.connections_per_core_max),
            journal_file_bytes: self.journal_file_bytes.or(under.journal_file_bytes),
            journal_files_max: self.journal_files_max.or(under.journal_files_max),
            sync_pause_ms_max: self.sync_pause_ms_max.or(under.sync_pause_ms_max),
            scrub_bytes_per_second_max: self
                .scrub_bytes_per_second_max
                .or(under.scrub_bytes_per_second_max),
            compaction_bytes_per_second_max: self
                .compaction_bytes_per_second_max
                .or(under.compaction_bytes_per_second_max),
            groups: self.groups.or(under.groups),
        }
    }

    /// Fills in defaults and checks everything. `machine_cores` is how many cores there are.
    pub fn into_config(self, machine_cores: u16) -> Result<Config, ConfigError> {
        let listen = self
            .listen
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9092)));
        let advertised = advertised(self.advertised_address.as_deref(), listen)?;
        let cores = self.cores.unwrap_or(machine_cores.max(1));
        let limits = self.limits(cores);
        let config = Config {
            data: self.data.unwrap_or_else(|| PathBuf::from("corelane-data")),
            listen,
            advertised,
            cores,
            nodes: self.nodes.unwrap_or_default(),
            auto_create_topics: self.auto_create_topics.unwrap_or(true),
            default_partitions: self.default_partitions.unwrap_or(1),
            groups: self.groups.unwrap_or_default().into_config()?,
            offsets_topic_partitions: self.offsets_topic_partitions.unwrap_or(50),
            limits,
        };
        config.check()?;
        Ok(config)
    }

    fn limits(&self, cores: u16) -> Limits {
        let defaults = Limits::for_cores(cores);
        Limits {
            frame_bytes_max: self.request_bytes_max.unwrap_or(defaults.frame_bytes_max),
            request_bytes_per_core_max: self
                .request_bytes_per_core_max
                .unwrap_or(defaults.request_bytes_per_core_max),
            unsynced_bytes_per_core_max: self
                .unsynced_bytes_per_core_max
                .unwrap_or(defaults.unsynced_bytes_per_core_max),
            compaction_map_bytes_per_core: self
                .compaction_map_bytes_per_core
                .unwrap_or(defaults.compaction_map_bytes_per_core),
            connections_per_core_max: self
                .connections_per_core_max
                .unwrap_or(defaults.connections_per_core_max),
            journal_file_bytes: self
                .journal_file_bytes
                .unwrap_or(defaults.journal_file_bytes),
            journal_files_max: self.journal_files_max.unwrap_or(defaults.journal_files_max),
            sync_pause_max: self
                .sync_pause_ms_max
                .map_or(defaults.sync_pause_max, Duration::from_millis),
            scrub_bytes_per_second_max: self
                .scrub_bytes_per_second_max
                .unwrap_or(defaults.scrub_bytes_per_second_max),
            compaction_bytes_per_second_max: self
                .compaction_bytes_per_second_max
                .unwrap_or(defaults.compaction_bytes_per_second_max),
            ..defaults
        }
    }
}

impl Config {
    fn check(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        in_range(
            "cores",
            self.cores.into(),
            1..=1024,
            "from 1 to 1024 is wanted",
        )?;
        if self.nodes == Nodes::PerCore {
            let wanted = "at most 8 cores appear as nodes of their own; use --nodes single";
            in_range("cores", self.cores.into(), 1..=NODES_MAX.into(), wanted)?;
            let last = u64::from(self.listen.port()) + u64::from(self.cores);
            let wanted = "with --nodes per-core, core i listens on port + 1 + i: take a lower one";
            in_range("listen port", last, 0..=u64::from(u16::MAX), wanted)?;
        }
        let most = limits.partitions_per_topic_max as u64;
        for (name, partitions) in [
            ("default-partitions", self.default_partitions),
            ("offsets-topic-partitions", self.offsets_topic_partitions),
        ] {
            let partitions = u64::try_from(partitions).unwrap_or(0);
            in_range(name, partitions, 1..=most, "from 1 to 10000 is wanted")?;
        }
        let frame = limits.frame_bytes_max.into();
        let wanted = "from 65536 to 2147483647 bytes is wanted";
        in_range("request-bytes-max", frame, 65_536..=i32::MAX as u64, wanted)?;
        let requests = limits.request_bytes_per_core_max;
        let wanted = "at least request-bytes-max is wanted";
        in_range(
            "request-bytes-per-core-max",
            requests,
            frame..=u64::MAX,
            wanted,
        )?;
        let map = limits.compaction_map_bytes_per_core;
        let (least, most, wanted) = (MIB, MIB << 20, "from one MiB to one TiB is wanted");
        in_range("compaction-map-bytes-per-core", map, least..=most, wanted)?;
        let unsynced = limits.unsynced_bytes_per_core_max;
        let wanted = "at least one MiB is wanted";
        in_range(
            "unsynced-bytes-per-core-max",
            unsynced,
            MIB..=u64::MAX,
            wanted,
        )?;
        limits.check_pacing()
    }
}

fn in_range(
    name: &'static str,
    value: u64,
    range: std::ops::RangeInclusive<u64>,
    wanted: &'static str,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange {
        name,
        value,
        wanted,
    })
}

fn advertised(given: Option<&str>, listen: SocketAddr) -> Result<(String, u16), ConfigError> {
    let Some(given) = given else {
        if listen.ip().is_unspecified() {
            return Err(ConfigError::WildcardListen(listen));
        }
        return Ok((listen.ip().to_string(), listen.port()));
    };
    let invalid = || ConfigError::AdvertisedAddress(given.to_owned());
    // An IPv6 address has colons of its own; with a port it is written in brackets.
    if let Ok(address) = given.parse::<SocketAddr>() {
        return Ok((address.ip().to_string(), address.port()));
    }
    let (host, port) = match given.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => (given, listen.port()),
        Some((host, port)) => (host, port.parse().map_err(|_| invalid())?),
        None => (given, listen.port()),
    };
    if host.is_empty() {
        return Err(invalid());
    }
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_given_is_a_working_broker() {
        let config = Settings::default()
            .into_config(4)
            .expect("the defaults are valid");
        assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 9092)));
        assert_eq!(config.advertised, ("127.0.0.1".to_owned(), 9092));
        assert_eq!((config.cores, config.nodes), (4, Nodes::Single));
    }

    #[test]
    fn the_command_line_goes_over_the_file() {
        let text = "cores = 2\nnodes = \"per-core\"\ndata = \"/var/lib/corelane\"\n";
        let file = Settings::parse("corelane.toml".into(), text).expect("valid");
        let line = Settings {
            cores: Some(3),
            ..Settings::default()
        };
        let config = line.over(file).into_config(8).expect("valid");
        assert_eq!((config.cores, config.nodes), (3, Nodes::PerCore));
        assert_eq!(config.data, PathBuf::from("/var/lib/corelane"));
    }

    #[test]
    fn a_misspelt_setting_is_named() {
        let error = Settings::parse("corelane.toml".into(), "corse = 2").expect_err("unknown");
        assert!(error.to_string().contains("corse"), "{error}");
    }

    #[test]
    fn a_wildcard_needs_an_advertised_address() {
        let listen = Some(SocketAddr::from(([0, 0, 0, 0], 9092)));
        let bare = Settings {
            listen,
            ..Settings::default()
        };
        assert!(matches!(
            bare.clone().into_config(1),
            Err(ConfigError::WildcardListen(_))
        ));
        let named = Settings {
            advertised_address: Some("logs.example".into()),
            ..bare
        };
        let config = named.into_config(1).expect("valid");
        assert_eq!(config.advertised, ("logs.example".to_owned(), 9092));
    }

    #[test]
    fn advertised_addresses_of_every_form() {
        let listen = SocketAddr::from(([127, 0, 0, 1], 9092));
        let told = |given| advertised(Some(given), listen);
        assert_eq!(told("a.example:1234"), Ok(("a.example".to_owned(), 1234)));
        assert_eq!(told("[::1]:1234"), Ok(("::1".to_owned(), 1234)));
        assert_eq!(told("::1"), Ok(("::1".to_owned(), 9092)));
        assert!(told(":1234").is_err() && told("a:b").is_err());
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let refused = [
            "cores = 0",
            "default-partitions = 0",
            "offsets-topic-partitions = 10001",
            "request-bytes-max = 1",
            "request-bytes-per-core-max = 1",
            "unsynced-bytes-per-core-max = 1",
            "journal-file-bytes = 4096",
            "journal-file-bytes = 1048577",
            "journal-file-bytes = 1073745920",
            "journal-files-max = 1",
            "journal-files-max = 65",
            "sync-pause-ms-max = 1001",
            "scrub-bytes-per-second-max = 1000",
            "scrub-bytes-per-second-max = 1073741825",
            "compaction-bytes-per-second-max = 1000",
        ];
        for text in refused {
            let error = parse(text).into_config(1).expect_err(text).to_string();
            let named = text.replace(" = ", "=");
            assert!(
                error.starts_with(&named) && error.contains("wanted"),
                "{error}"
            );
        }
    }

    #[test]
    fn numbers_at_the_ends_of_their_ranges_are_taken() {
        let accepted = [
            "journal-file-bytes = 1048576",
            "journal-file-bytes = 1073741824",
            "journal-files-max = 2",
            "sync-pause-ms-max = 0",
            "scrub-bytes-per-second-max = 0",
            "scrub-bytes-per-second-max = 1048576",
            "compaction-bytes-per-second-max = 1048576",
        ];
        for text in accepted {
            parse(text).into_config(1).expect(text);
        }
        let config = parse("sync-pause-ms-max = 7")
            .into_config(1)
            .expect("valid");
        assert_eq!(config.limits.sync_pause_max, Duration::from_millis(7));
    }

    /// The page for operators names every setting with its default.
    #[test]
    fn the_documented_file_says_the_defaults() {
        let page = include_str!("../docs/settings.md");
        let (_, rest) = page.split_once("```toml\n").expect("a block of settings");
        let (text, _) = rest.split_once("```").expect("its end");
        let documented = parse(text);
        let fields = format!("{documented:?}");
        assert!(!fields.contains("None"), "a setting is left out: {fields}");
        let config = documented.into_config(4).expect("valid");
        assert_eq!(config, Settings::default().into_config(4).expect("valid"));
    }

    fn parse(text: &str) -> Settings {
        Settings::parse("corelane.toml".into(), text).expect("it parses")
    }
}
