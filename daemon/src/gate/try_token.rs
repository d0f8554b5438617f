//! Whether a credential gives a token.

use std::time::Duration;

use evidenced_contract::HttpError;

use super::{Gate, shown::no_credential, token::Asking};
use crate::{
    clock,
    domain::{ControlId, CredentialId, Timestamp},
};

impl Gate {
    /// Gets a token, if none is kept. Until when it is good, or `None` if the credential is not one that is exchanged.
    ///
    /// # Errors
    /// As for a request: nobody gives one.
    pub async fn try_token(
        &self,
        id: &CredentialId,
        control: &ControlId,
        within: Duration,
    ) -> Result<Option<Timestamp>, HttpError> {
        let settings = self.credentials.get(id).ok_or_else(|| no_credential(id))?;
        if !settings.kind.is_fetched() {
            return Ok(None);
        }
        let asking = Asking { gate: self, control, end: clock::timer_now() + within };
        Ok(Some(self.tokens.current(settings, &asking).await?.until))
    }
}
