use evidenced_contract::{
    Attachment, Extensions, Failure, FailureKind, Finding, Instant, Listing, Measurement, Report, Status,
};

/// UCUM codes of the units that checks measure in.
pub mod unit {
    pub const DAY: &str = "d";
    pub const SECOND: &str = "s";
    pub const MILLISECOND: &str = "ms";
    pub const PERCENT: &str = "%";
    /// A count, or a number without a unit.
    pub const ONE: &str = "1";
    pub const BYTE: &str = "By";
}

/// What a subject came to. An error that is returned instead of it makes an `error` finding by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    status: Status,
    attention: bool,
    message: String,
}

impl Verdict {
    pub fn pass(message: impl Into<String>) -> Self {
        Self { status: Status::Pass, attention: false, message: message.into() }
    }

    pub fn fail(message: impl Into<String>) -> Self {
        Self { status: Status::Fail, attention: false, message: message.into() }
    }

    pub fn not_applicable(message: impl Into<String>) -> Self {
        Self { status: Status::NotApplicable, attention: false, message: message.into() }
    }

    /// The subject could not be judged, in the check's own words.
    pub fn error(message: impl Into<String>) -> Self {
        Self { status: Status::Error, attention: false, message: message.into() }
    }

    pub fn pass_if(good: bool, message: impl Into<String>) -> Self {
        if good { Self::pass(message) } else { Self::fail(message) }
    }

    /// Passes, but a person should look: shown in summaries, never alerted.
    pub fn with_attention_if(mut self, needed: bool) -> Self {
        self.attention = needed && self.status == Status::Pass;
        self
    }
}

/// A report in the making: one finding for every subject, also for those that pass.
#[derive(Debug, Clone)]
#[must_use = "findings are nothing until they are finished"]
pub struct Findings {
    population_query: String,
    findings: Vec<Finding>,
    population: Option<u32>,
    source_total: Option<u32>,
    listing: Listing,
    incomplete: Option<String>,
    covered_until: Option<Instant>,
    attachments: Vec<Attachment>,
    extensions: Extensions,
}

impl Findings {
    /// No findings yet. `population_query` tells the auditor how the subjects were found.
    pub fn of(population_query: impl Into<String>) -> Self {
        Self {
            population_query: population_query.into(),
            findings: Vec::new(),
            population: None,
            source_total: None,
            listing: Listing::EverySubject,
            incomplete: None,
            covered_until: None,
            attachments: Vec::new(),
            extensions: Extensions::new(),
        }
    }

    /// Looks at one subject. `look` may set what is known before it asks anything, so that errors carry it too; an
    /// error that it returns becomes the `error` finding of this subject, and the loop goes on.
    pub fn subject(
        &mut self,
        subject: &str,
        look: impl FnOnce(&mut FindingDraft) -> Result<Verdict, Failure>,
    ) -> Status {
        let mut draft = FindingDraft::new(subject);
        let looked = look(&mut draft);
        let mut finding = draft.finding;
        match (looked, draft.not_finite) {
            (Ok(verdict), None) => {
                finding.status = verdict.status;
                finding.attention = verdict.attention;
                finding.message = verdict.message;
            }
            (Ok(_), Some(name)) => finding.message = format!("the measurement `{name}` is not a finite number"),
            (Err(failure), _) => finding.message = format!("{}: {}", words_of(failure.kind), failure.message),
        }
        let status = finding.status;
        self.findings.push(finding);
        status
    }

    /// Subjects in scope, when they are more than those that are listed. Then the listing is `not-passing` unless
    /// [`listing`](Self::listing) says otherwise afterwards.
    pub fn population(&mut self, subjects: u32) {
        self.population = Some(subjects);
        self.listing = Listing::NotPassing;
    }

    pub fn listing(&mut self, listing: Listing) {
        self.listing = listing;
    }

    /// What the source itself says that there is. When it differs from what was `listed`, a finding
    /// `population-mismatch` fails.
    pub fn source_total(&mut self, total: u32, listed: u32) {
        self.source_total = Some(total);
        if total != listed {
            self.subject("population-mismatch", |_| {
                Ok(Verdict::fail(format!("the source says that there are {total}, and lists {listed}")))
            });
        }
    }

    /// Why not everything in scope was looked at. The first reason stays.
    pub fn incomplete(&mut self, why: impl Into<String>) {
        if self.incomplete.is_none() {
            self.incomplete = Some(why.into());
        }
    }

    /// Events are judged up to here; for checks whose needs say `interval`.
    pub fn covered_until(&mut self, until: Instant) {
        self.covered_until = Some(until);
    }

    pub fn attach(&mut self, name: &str, media_type: &str, body: Vec<u8>) {
        self.attachments.push(Attachment { name: name.to_owned(), media_type: media_type.to_owned(), body });
    }

    /// Room to grow: keys are `vendor:name`.
    pub fn extension(&mut self, key: &str, value: serde_json::Value) {
        self.extensions.insert(key.to_owned(), value);
    }

    pub fn count(&self, status: Status) -> usize {
        self.findings.iter().filter(|finding| finding.status == status).count()
    }

    /// Findings that are not a pass: those that fail, are an error, or do not apply.
    pub fn did_not_pass(&self) -> usize {
        self.findings.len() - self.count(Status::Pass)
    }

    pub fn len(&self) -> usize {
        self.findings.len()
    }

    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// The report. Its population is the number of findings unless [`population`](Self::population) said another.
    pub fn finish(self, summary: impl Into<String>) -> Report {
        let listed = u32::try_from(self.findings.len()).unwrap_or(u32::MAX);
        Report {
            summary: summary.into(),
            population: self.population.unwrap_or(listed),
            source_total: self.source_total,
            population_query: self.population_query,
            listing: self.listing,
            findings: self.findings,
            incomplete: self.incomplete,
            covered_until: self.covered_until,
            attachments: self.attachments,
            extensions: self.extensions,
        }
    }
}

/// One finding in the making; an `error` until its verdict is known.
#[derive(Debug, Clone)]
pub struct FindingDraft {
    finding: Finding,
    not_finite: Option<String>,
}

impl FindingDraft {
    fn new(subject: &str) -> Self {
        let finding = Finding {
            subject: subject.to_owned(),
            label: None,
            status: Status::Error,
            attention: false,
            message: String::new(),
            measurements: Vec::new(),
            as_of: None,
            event: None,
            extensions: Extensions::new(),
        };
        Self { finding, not_finite: None }
    }

    /// A name for people; it may change from run to run.
    pub fn label(&mut self, label: impl Into<String>) {
        self.finding.label = Some(label.into());
    }

    /// When this was true at the source.
    pub fn as_of(&mut self, instant: impl Into<Instant>) {
        self.finding.as_of = Some(instant.into());
    }

    /// The source's own id of the event.
    pub fn event(&mut self, id: impl Into<String>) {
        self.finding.event = Some(id.into());
    }

    /// Room to grow: keys are `vendor:name`.
    pub fn extension(&mut self, key: &str, value: serde_json::Value) {
        self.finding.extensions.insert(key.to_owned(), value);
    }

    /// A value without a limit. One that is not finite makes the finding an `error`.
    pub fn measure(&mut self, name: &str, value: f64, unit: &str) {
        self.push(name, value, unit, None);
    }

    /// Records a value, and answers whether it is at most `limit`: on the limit is good.
    pub fn at_most(&mut self, name: &str, value: f64, unit: &str, limit: f64) -> bool {
        self.push(name, value, unit, Some(limit));
        value <= limit
    }

    /// Records a value, and answers whether it is at least `limit`: on the limit is good.
    pub fn at_least(&mut self, name: &str, value: f64, unit: &str, limit: f64) -> bool {
        self.push(name, value, unit, Some(limit));
        value >= limit
    }

    fn push(&mut self, name: &str, value: f64, unit: &str, limit: Option<f64>) {
        if !value.is_finite() || limit.is_some_and(|limit| !limit.is_finite()) {
            self.not_finite.get_or_insert_with(|| name.to_owned());
            return;
        }
        self.finding.measurements.push(Measurement { name: name.to_owned(), value, unit: unit.to_owned(), limit });
    }
}

/// How an `error` finding begins.
fn words_of(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Internal => "internal",
        FailureKind::Unreachable => "unreachable",
        FailureKind::Denied => "denied",
        FailureKind::Throttled => "throttled",
        FailureKind::Timeout => "timeout",
        FailureKind::BadInput => "bad input",
        FailureKind::Unsupported => "unsupported",
    }
}
