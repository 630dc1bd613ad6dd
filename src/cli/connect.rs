//! The arguments that every subcommand shares that speaks to a broker.

use super::CliError;
use crate::client::transport::ClusterConfig;
use clap::Args;
use std::time::Duration;

/// Where the brokers are.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConnectArgs {
    /// Brokers to ask first, comma separated; any Kafka broker will do
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:9092",
        global = true
    )]
    pub(crate) bootstrap: String,

    /// How long one request may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, global = true)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

impl ConnectArgs {
    /// The bootstrap addresses, each `host:port`, the port 9092 if left out.
    fn addresses(&self) -> Result<Vec<String>, CliError> {
        let addresses: Vec<String> = self
            .bootstrap
            .split(',')
            .map(str::trim)
            .filter(|address| !address.is_empty())
            .map(with_port)
            .collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Err(CliError::Usage(
                "--bootstrap names no broker; give HOST:PORT".into(),
            ));
        }
        Ok(addresses)
    }

    /// The client's configuration.
    pub(crate) fn cluster(&self) -> Result<ClusterConfig, CliError> {
        let mut config = ClusterConfig::new(self.addresses()?);
        config.request_timeout = Duration::from_secs(self.timeout);
        config.connect_timeout = config.connect_timeout.min(config.request_timeout);
        Ok(config)
    }
}

fn with_port(address: &str) -> Result<String, CliError> {
    let bare_v6 =
        address.ends_with(']') || address.matches(':').count() > 1 && !address.starts_with('[');
    if bare_v6 {
        let host = address.trim_start_matches('[').trim_end_matches(']');
        return Ok(format!("[{host}]:9092"));
    }
    match address.rsplit_once(':') {
        None => Ok(format!("{address}:9092")),
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|p| p > 0) => {
            Ok(address.to_owned())
        }
        Some(_) => Err(CliError::Usage(format!(
            "--bootstrap: {address:?} is not HOST:PORT with a port of 1 to 65535"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(bootstrap: &str) -> Result<Vec<String>, String> {
        let args = ConnectArgs {
            bootstrap: bootstrap.into(),
            timeout: 1,
        };
        args.addresses().map_err(|error| error.to_string())
    }

    #[test]
    fn a_port_is_added_where_it_is_missing() {
        assert_eq!(
            addresses("a, b:1,"),
            Ok(vec!["a:9092".into(), "b:1".into()])
        );
        assert_eq!(addresses("[::1]"), Ok(vec!["[::1]:9092".into()]));
        assert_eq!(addresses("::1"), Ok(vec!["[::1]:9092".into()]));
        assert_eq!(addresses("[::1]:7"), Ok(vec!["[::1]:7".into()]));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        assert!(addresses("host:http").is_err_and(|e| e.contains("host:http")));
        assert!(addresses("host:0").is_err());
        assert!(addresses(" , ").is_err());
    }
}
