//! What the configuration says, ready to be asked while something is judged.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::tz::TimeZone;

use crate::{
    config::{Alerts, Config, Quiet, Recipient},
    domain::{
        BuiltIn, Calendar, Control, ControlId, Detail, Digest, LocalDay, PluginName, RecipientId, Timestamp, Window,
        WindowId,
    },
    judge::Policy,
    mail::Letterhead,
    monitoring,
    routing::{QuietHours, Reader},
};

/// One accepted configuration and the plugins that it names.
#[derive(Debug)]
pub struct Catalogue {
    config: Arc<Config>,
    controls: BTreeMap<ControlId, Known>,
    plugins: BTreeMap<PluginName, PluginFacts>,
    quiet: BTreeMap<RecipientId, QuietHours>,
    zone: TimeZone,
    zones: Vec<TimeZone>,
}

#[derive(Debug)]
struct Known {
    control: Arc<Control>,
    policy: Policy,
    definition: Digest,
}

/// A plugin as far as its file could be read.
#[derive(Debug, Clone)]
pub struct PluginFacts {
    pub version: String,
    pub digest: Digest,
    /// Kept in the ledger, so that its runs can be re-performed.
    pub bytes: Arc<[u8]>,
}

impl PluginFacts {
    /// Of the daemon's own check: its version is the daemon's, and its bytes are its rule in words, since no copy of the
    /// daemon is kept in the ledger.
    pub fn of_built_in(built_in: BuiltIn) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: monitoring::digest(built_in),
            bytes: Arc::from(monitoring::rule(built_in).as_bytes()),
        }
    }
}

impl Catalogue {
    pub fn new(config: Arc<Config>, plugins: BTreeMap<PluginName, PluginFacts>) -> Self {
        let zone = zone(&config.timezone);
        let holidays = Arc::new(config.holidays.clone());
        let controls = config
            .controls
            .iter()
            .map(|control| {
                let known = Known {
                    control: Arc::new(control.clone()),
                    policy: policy(control, &holidays, &config.alerts),
                    definition: control.check.definition(),
                };
                (control.id.clone(), known)
            })
            .collect();
        let quiet = config.recipients.iter().filter_map(|recipient| {
            let hours = quiet_hours(recipient.quiet.as_ref()?, &recipient.timezone, &holidays);
            Some((recipient.id.clone(), hours))
        });
        let quiet = quiet.collect();
        let zones = config.rollup_zones.iter().map(|name| self::zone(name)).collect();
        Self { config, controls, plugins, quiet, zone, zones }
    }

    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    pub fn controls(&self) -> impl Iterator<Item = &Arc<Control>> {
        self.controls.values().map(|known| &known.control)
    }

    pub fn control(&self, id: &ControlId) -> Option<&Arc<Control>> {
        self.controls.get(id).map(|known| &known.control)
    }

    /// The digest of a control's definition; it takes too long to be worked out for each run.
    pub fn definition(&self, id: &ControlId) -> Option<Digest> {
        self.controls.get(id).map(|known| known.definition)
    }

    pub(super) fn policy(&self, id: &ControlId) -> Option<&Policy> {
        self.controls.get(id).map(|known| &known.policy)
    }

    /// The policy of a control that the configuration does not name (any more).
    pub(super) fn policy_of(&self, control: &Control) -> Policy {
        policy(control, &Arc::new(self.config.holidays.clone()), &self.config.alerts)
    }

    pub fn plugin(&self, name: &PluginName) -> Option<&PluginFacts> {
        self.plugins.get(name)
    }

    /// The organization's zone.
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The rollup zones, in their order.
    pub fn zones(&self) -> &[TimeZone] {
        &self.zones
    }

    /// The year that exceptions are numbered in.
    pub(super) fn year(&self, at: Timestamp) -> i16 {
        at.to_jiff().to_zoned_datetime(self.zone.clone()).year()
    }

    /// A recipient as routing knows them.
    pub(super) fn reader<'a>(&'a self, recipient: &'a Recipient) -> Reader<'a> {
        Reader { id: &recipient.id, per_hour: recipient.per_hour, quiet: self.quiet.get(&recipient.id) }
    }

    pub(super) fn letterhead(&self) -> Letterhead {
        Letterhead {
            organization: self.config.organization.clone(),
            instance: self.config.instance.clone(),
            zone: self.zone.clone(),
            page: self.config.web.map(|address| format!("http://{address}")),
            detail: Detail::Full,
        }
    }

    /// The windows that examine a control at a time.
    pub(super) fn windows_of(&self, control: &ControlId, at: Timestamp) -> Vec<WindowId> {
        self.windows_at(control, at).map(|window| window.id.clone()).collect()
    }

    /// When the first of the windows that examine a control at a time began.
    pub fn window_start(&self, control: &ControlId, at: Timestamp) -> Option<Timestamp> {
        self.windows_at(control, at).map(|window| window.start.start(&zone(&window.timezone))).min()
    }

    fn windows_at<'a>(&'a self, control: &'a ControlId, at: Timestamp) -> impl Iterator<Item = &'a Window> {
        self.config.windows.iter().filter(move |window| {
            let day = LocalDay::of(at, &zone(&window.timezone));
            let is_listed = window.controls.as_ref().is_none_or(|controls| controls.contains(control));
            is_listed && window.start <= day && day <= window.end
        })
    }
}

fn quiet_hours(quiet: &Quiet, timezone: &str, holidays: &Arc<BTreeSet<LocalDay>>) -> QuietHours {
    let time = |minutes: u16| {
        let (hour, minute) = ((minutes / 60) as i8, (minutes % 60) as i8);
        jiff::civil::Time::new(hour, minute, 0, 0).unwrap_or(jiff::civil::Time::midnight())
    };
    QuietHours {
        from: time(quiet.from),
        to: time(quiet.to),
        business_days_only: quiet.business_days_only,
        up_to: quiet.up_to,
        calendar: Calendar { zone: zone(timezone), holidays: Arc::clone(holidays) },
    }
}

fn policy(control: &Control, holidays: &Arc<BTreeSet<LocalDay>>, alerts: &Alerts) -> Policy {
    let calendar = Calendar { zone: zone(&control.check.timezone), holidays: Arc::clone(holidays) };
    Policy::of(control, &calendar, &alerts.reminders, alerts.flapping)
}

/// A zone that the configuration has checked.
pub(crate) fn zone(name: &str) -> TimeZone {
    // A database that lost a zone since the configuration was accepted must not stop the recorder: days are then
    // counted in UTC, and the log says so.
    TimeZone::get(name).unwrap_or_else(|error| {
        tracing::error!(zone = name, %error, "the time zone database has no such zone: UTC is used");
        TimeZone::UTC
    })
}
