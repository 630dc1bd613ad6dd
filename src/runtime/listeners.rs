//! The ports a broker listens on: one for all cores, and with `--nodes per-core` one for each.

use super::error::StartError;
use crate::config::Nodes;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};

/// How many connections may wait to be accepted; the kernel caps it (`net.core.somaxconn`).
const BACKLOG: i32 = 1024;

/// How often a free row of ports is looked for when the kernel chooses the first.
const ATTEMPTS: usize = 32;

/// Where a broker can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The address for all cores.
    pub shared: SocketAddr,
    /// Each core's own, in core order; empty unless every core is a node.
    pub own: Vec<SocketAddr>,
}

/// Bound ports, not served yet. Clients that connect wait until a broker takes them.
#[derive(Debug)]
pub struct Listeners {
    pub(super) shared: TcpListener,
    pub(super) own: Vec<TcpListener>,
    addresses: Addresses,
}

impl Listeners {
    /// Binds `address` (port 0: any free port) and, for [`Nodes::PerCore`], the port after it for
    /// core 0 and so on. The ports are exclusive: no second broker can share them.
    pub fn bind(address: SocketAddr, nodes: Nodes, cores: u16) -> Result<Self, StartError> {
        let own_count = match nodes {
            Nodes::Single => 0,
            Nodes::PerCore => cores,
        };
        let attempts = if address.port() == 0 { ATTEMPTS } else { 1 };
        let mut refused = StartError::PortsExhausted {
            port: address.port(),
            cores,
        };
        for _ in 0..attempts {
            match Self::bind_row(address, own_count) {
                Ok(listeners) => return Ok(listeners),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn bind_row(address: SocketAddr, own_count: u16) -> Result<Self, StartError> {
        let shared = listen(address)?;
        let bound = shared
            .local_addr()
            .map_err(|source| StartError::Listen { address, source })?;
        let port = bound.port();
        if port.checked_add(own_count).is_none() {
            let cores = own_count;
            return Err(StartError::PortsExhausted { port, cores });
        }
        let own_address = |core: u16| SocketAddr::new(bound.ip(), port + 1 + core);
        let addresses = Addresses {
            shared: bound,
            own: (0..own_count).map(own_address).collect(),
        };
        let own = addresses.own.iter().copied().map(listen);
        Ok(Self {
            shared,
            own: own.collect::<Result<_, _>>()?,
            addresses,
        })
    }

    /// Where the ports are.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let open = || -> io::Result<TcpListener> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        // Lets a restarted broker take the port while old connections linger. Two listeners never
        // share it: that would take SO_REUSEPORT on both.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    open().map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => StartError::PortInUse { address },
        _ => StartError::Listen { address, source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_port_is_not_shared_and_the_error_names_it() {
        let first = Listeners::bind(loopback(0), Nodes::Single, 1).unwrap();
        let port = first.addresses().shared.port();
        let error = Listeners::bind(loopback(port), Nodes::Single, 1).unwrap_err();
        assert!(error.to_string().contains(&port.to_string()), "{error}");
        drop(first);
        Listeners::bind(loopback(port), Nodes::Single, 1).unwrap();
    }

    #[test]
    fn the_cores_own_ports_follow_the_shared_one() {
        let listeners = Listeners::bind(loopback(0), Nodes::PerCore, 3).unwrap();
        let Addresses { shared, own } = listeners.addresses();
        let ports: Vec<u16> = own.iter().map(SocketAddr::port).collect();
        let first = shared.port() + 1;
        assert_eq!(ports, [first, first + 1, first + 2]);
    }

    #[test]
    fn ports_past_the_last_are_refused() {
        let error = Listeners::bind(loopback(65_534), Nodes::PerCore, 2).unwrap_err();
        let expected = matches!(
            error,
            StartError::PortsExhausted { .. } | StartError::PortInUse { .. }
        );
        assert!(expected, "{error}");
    }
}
