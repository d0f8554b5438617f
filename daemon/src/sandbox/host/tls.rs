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
        self.count_call()?;
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
            Answers::Nobody => return Err(self.end(Ended::Undeclared("tls"))),
        };
        self.transcript.record_tls(&host, port, &answer);
        Ok(answer)
    }
}
