//! Whether a server is there, reached as a request would reach it. Nothing is asked of it, and no secret is sent.

use std::{net::Ipv6Addr, time::Duration};

use evidenced_contract::{HttpError, Peer};
use tokio::time::timeout;
use url::Host;

use super::{Gate, connect::Stopwatch, request::Target};
use crate::domain::Grant;

impl Gate {
    /// Connects to what is granted, and shakes hands if it is https. What is known of the other side, or `None` where
    /// there is no TLS.
    ///
    /// # Errors
    /// As for a request: the name, its addresses, the proxy, the connection, the certificate.
    pub async fn knock(&self, grant: &Grant, within: Duration) -> Result<Option<Peer>, HttpError> {
        let target = target(grant)
            .ok_or_else(|| HttpError::Refused(format!("`{}` is neither a name nor an address", grant.host)))?;
        let mut watch = Stopwatch::start();
        // Some servers end the handshake of who shows no certificate.
        let identity = self.identity_of(grant).await?;
        let connect = self.connector.connect(&target, self.way(grant, identity.as_ref()), &mut watch);
        let connection = timeout(within, connect).await.map_err(|_| HttpError::Timeout)??;
        Ok(connection.peer)
    }
}

fn target(grant: &Grant) -> Option<Target> {
    let host = match grant.host.parse::<Ipv6Addr>() {
        Ok(address) => Host::Ipv6(address),
        Err(_) => Host::parse(&grant.host).ok()?,
    };
    Some(Target { scheme: grant.scheme, host, port: grant.port })
}
