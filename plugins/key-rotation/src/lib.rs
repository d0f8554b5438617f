//! A check that does nothing, for measuring what a run costs the host.

use evidenced_plugin::{Check, Description, Failure, Findings, Report, Run, Verdict, description};

#[derive(serde::Deserialize)]
struct Config {}

struct KeyRotation;

impl Check for KeyRotation {
    type Config = Config;

    fn describe() -> Description {
        description!()
    }

    fn run(_: &Config, _: &mut Run<'_>) -> Result<Report, Failure> {
        let mut findings = Findings::of("nothing");
        findings.subject("nothing", |_| Ok(Verdict::pass("nothing was done")));
        Ok(findings.finish("nothing was done"))
    }
}

evidenced_plugin::export!(KeyRotation);
