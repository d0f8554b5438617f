//! `tls`: a handshake and no more, with every address of a name.

use std::sync::Arc;

use evidenced_contract::{HttpError, Peer};

use super::{Answers, Halt, Host};
use crate::sandbox::ended::Ended;

impl Host {
    /// Counts as a request. A plugin whose description does not say `needs.tls` is refused.
    pub(in crate::sandbox) async fn tls_handshake(
        &mut self,
        host: String,
        port: u16,
    ) -> Result<Result<Vec<Result<Peer, HttpError>>, HttpError>, Halt> {
        self.begin("tls.handshake")?;
        if !self.needs.tls {
            let why = format!("{host}:{port}: the plugin's description does not declare `needs.tls`");
            return Ok(Err(HttpError::Refused(why)));
        }
        if !self.budget.take().map_err(|limit| self.end(Ended::Limit(limit)))? {
            let answer = Err(HttpError::Limit("requests".to_owned()));
            self.transcript.record_tls(&host, port, &answer);
            return Ok(answer);
        }
        let answer = match &mut self.answers {
            Answers::Live(world) => Arc::clone(world).handshake(host.clone(), port).await,
            Answers::Recorded(player) => match player.tls(&host, port) {
                Some(answer) => answer,
                None => return Err(self.end(Ended::CannotTell(format!("the handshake with {host}:{port}")))),
            },
            Answers::Nobody => return Err(Halt),
        };
        self.transcript.record_tls(&host, port, &answer);
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Limits,
        sandbox::testing::{Town, host, host_with},
    };

    #[tokio::test]
    async fn a_granted_host_is_answered_address_by_address() {
        let mut host = host(Town::default());
        let peers = host.tls_handshake("town.example".into(), 443).await.unwrap().unwrap();
        assert_eq!(peers[0].as_ref().unwrap().address, "192.0.2.1:443");
        assert_eq!(peers[1], Err(HttpError::Timeout));
        assert_eq!(host.transcript.calls.len(), 1);
    }

    #[tokio::test]
    async fn without_a_grant_or_a_declaration_it_is_refused() {
        let mut undeclared = host_with(Arc::new(Town::default()), [false; 3], Limits::default_for(true), Vec::new());
        let answer = undeclared.tls_handshake("town.example".into(), 443).await.unwrap();
        assert!(matches!(answer, Err(HttpError::Refused(why)) if why.contains("needs.tls")));
        let answer = host(Town::default()).tls_handshake("elsewhere".into(), 443).await.unwrap();
        assert_eq!(answer, Err(HttpError::Refused("elsewhere:443".into())));
    }

    #[tokio::test]
    async fn a_handshake_is_one_of_the_requests() {
        let limits = Limits { requests: 1, ..Limits::default_for(true) };
        let mut host = host_with(Arc::new(Town::default()), [true; 3], limits, Vec::new());
        assert!(host.tls_handshake("town.example".into(), 443).await.unwrap().is_ok());
        let answer = host.tls_handshake("town.example".into(), 443).await.unwrap();
        assert_eq!(answer, Err(HttpError::Limit("requests".into())));
    }
}
