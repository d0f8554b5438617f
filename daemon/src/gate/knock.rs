//! Whether a server is there, reached as a request would reach it. Nothing is asked of it, and no secret is sent.

use std::time::Duration;

use evidenced_contract::{HttpError, Peer};
use tokio::time::timeout;

use super::{Gate, connect::Stopwatch, request::Target};
use crate::domain::Grant;

impl Gate {
    /// Connects to what is granted, and shakes hands if it is https. What is known of the other side, or `None` where
    /// there is no TLS.
    ///
    /// # Errors
    /// As for a request: the name, its addresses, the proxy, the connection, the certificate.
    pub async fn knock(&self, grant: &Grant, within: Duration) -> Result<Option<Peer>, HttpError> {
        let target = Target::named(grant.scheme, &grant.host, grant.port)
            .ok_or_else(|| HttpError::Refused(format!("`{}` is neither a name nor an address", grant.host)))?;
        let mut watch = Stopwatch::start();
        // Some servers end the handshake of who shows no certificate.
        let identity = self.identity_of(grant).await?;
        let connect = self.connector.connect(&target, self.way(grant, identity.as_ref()), &mut watch);
        let connection = timeout(within, connect).await.map_err(|_| HttpError::Timeout)??;
        Ok(connection.peer)
    }
}
