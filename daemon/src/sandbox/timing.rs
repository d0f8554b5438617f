//! How long a plugin takes until it runs, for who writes one.

use std::time::Duration;

use super::{
    component::{block_on, describing, wasi},
    engine::Sandbox,
    plugin::{Code, CommandCode, Plugin},
};
use crate::{clock::stopwatch, domain::Timestamp};

impl Sandbox {
    /// Makes one instance of a plugin, as each run begins; its code is loaded already.
    ///
    /// # Errors
    /// Why there is no instance.
    pub fn time_instance(&self, plugin: &Plugin) -> Result<Duration, String> {
        let mut host = describing(self);
        host.wasi = Some(wasi(Timestamp::EPOCH, [0; 32], Default::default()));
        let mut store = self.store(host);
        let _ticking = self.ticker.while_running();
        let timed = block_on(async {
            let began = stopwatch();
            match &plugin.0.code {
                Code::Checker { code, .. } => code.instantiate_async(&mut store).await.map(drop)?,
                Code::Command(CommandCode::Module(linked)) => linked.instantiate_async(&mut store).await.map(drop)?,
                Code::Command(CommandCode::Component { linked, .. }) => {
                    linked.instantiate_async(&mut store).await.map(drop)?;
                }
            }
            Ok::<_, wasmtime::Error>(began.elapsed())
        });
        match timed {
            Ok(Ok(took)) => Ok(took),
            Ok(Err(fault)) => Err(format!("{fault:#}")),
            Err(fault) => Err(fault.to_string()),
        }
    }
}
