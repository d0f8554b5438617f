//! Keys from AWS IAM's query API: first all users, to the last page, then the keys of each.

use evidenced_plugin::{Call, CallError, Failure, Pages, Response, Run, Verdict, aws_marker};

use crate::{
    Config, Promise,
    key::{self, Key, KeyFacts, LastUsed, bad},
    xml::{self, Record},
};

pub(crate) const QUERY: &str = "iam:ListUsers to the last page, iam:ListAccessKeys of each user to the last page";

/// So many calls are given to the host at once; how many it sends side by side is its limiter's to say.
const BATCH: usize = 50;

const API_VERSION: &str = "2010-05-08";

struct User {
    name: String,
    arn: String,
}

pub(crate) fn keys(config: &Config, run: &mut Run<'_>) -> Result<Vec<Key>, Failure> {
    let users = users(config, run)?;
    let mut keys = Vec::new();
    for batch in users.chunks(BATCH) {
        let calls: Vec<Call> =
            batch.iter().map(|user| action(config, "ListAccessKeys", &[("UserName", &user.name)])).collect();
        let first_pages = run.send_all(calls.clone());
        for ((user, call), first) in batch.iter().zip(&calls).zip(first_pages) {
            match keys_of(config, run, user, call, first) {
                Ok(of_user) => keys.extend(of_user),
                // Which keys there are is not known: the user stands for them.
                Err(failure) => keys.push(Key {
                    subject: user.arn.clone(),
                    label: format!("keys of {}", user.name),
                    as_of: run.now().to_instant(),
                    facts: Err(failure),
                }),
            }
        }
    }
    if let Promise::UsedWithin { grace_days, .. } = config.promise {
        ask_last_used(config, run, &mut keys, grace_days);
    }
    Ok(keys)
}

fn users(config: &Config, run: &mut Run<'_>) -> Result<Vec<User>, Failure> {
    let mut pages = Pages::of(action(config, "ListUsers", &[]), aws_marker()).explain(denied).at_most(config.pages_max);
    let mut users = Vec::new();
    while let Some(page) = pages.next(run)? {
        for user in list(&page, "Users")? {
            let [name, arn] = ["UserName", "Arn"].map(|name| text(&user, name));
            users.push(User { name: name?, arn: arn? });
        }
    }
    Ok(users)
}

fn keys_of(
    config: &Config,
    run: &mut Run<'_>,
    user: &User,
    call: &Call,
    first: Result<Response, CallError>,
) -> Result<Vec<Key>, Failure> {
    let first = first.map_err(denied)?;
    let mut pages = Pages::after(call, &first, aws_marker())?.explain(denied).at_most(config.pages_max);
    let mut keys = keys_on(run, user, &first)?;
    while let Some(page) = pages.next(run)? {
        keys.extend(keys_on(run, user, &page)?);
    }
    Ok(keys)
}

fn keys_on(run: &Run<'_>, user: &User, page: &Response) -> Result<Vec<Key>, Failure> {
    let as_of = run.now().to_instant();
    let key = |found: Record| {
        let id = text(&found, "AccessKeyId")?;
        let active = match text(&found, "Status")?.as_str() {
            "Active" => Ok(true),
            "Inactive" | "Expired" => Ok(false),
            other => Err(bad(format!("iam:ListAccessKeys: unknown status `{other}`"))),
        };
        Ok(Key {
            label: key::label(&user.name, &id),
            subject: id,
            as_of: as_of.clone(),
            facts: active.map(|active| KeyFacts {
                active,
                created: found.get("CreateDate").cloned(),
                last_used: Ok(LastUsed::Untold),
            }),
        })
    };
    list(page, "AccessKeyMetadata")?.into_iter().map(key).collect()
}

/// Asks when keys were last used: those of which it matters.
fn ask_last_used(config: &Config, run: &mut Run<'_>, keys: &mut [Key], grace_days: f64) {
    let now = run.now();
    let mut asked: Vec<(&str, &mut KeyFacts)> = keys
        .iter_mut()
        .filter_map(|key| Some((key.subject.as_str(), key.facts.as_mut().ok()?)))
        .filter(|(_, facts)| {
            let age = key::days_until(now, facts.created.as_deref(), "when it was created");
            facts.active && age.is_ok_and(|age| age > grace_days)
        })
        .collect();
    for batch in asked.chunks_mut(BATCH) {
        let calls = batch.iter().map(|(id, _)| action(config, "GetAccessKeyLastUsed", &[("AccessKeyId", id)]));
        let answers = run.send_all(calls.collect());
        for ((_, facts), answer) in batch.iter_mut().zip(answers) {
            facts.last_used = answer.map_err(denied).and_then(|page| last_used(&page));
        }
    }
}

/// A key that was never used has no date.
fn last_used(page: &Response) -> Result<LastUsed, Failure> {
    let found = xml::record(page.text()?, "AccessKeyLastUsed").map_err(|error| page.not_as_expected(error))?;
    let found = found.ok_or_else(|| page.not_as_expected("no `AccessKeyLastUsed` in the answer"))?;
    Ok(match found.get("LastUsedDate") {
        Some(date) => LastUsed::At(date.clone()),
        None => LastUsed::Never,
    })
}

/// Whether the root user has keys: it is in no list of users, and the age of its keys in no call but a report.
pub(crate) fn root(config: &Config, run: &mut Run<'_>) -> Result<Verdict, Failure> {
    let page = run.send(action(config, "GetAccountSummary", &[])).map_err(denied)?;
    let keys = summary_value(page.text()?, "AccountAccessKeysPresent")
        .ok_or_else(|| page.not_as_expected("no `AccountAccessKeysPresent` in the answer"))?;
    Ok(match keys.as_str() {
        "0" => Verdict::pass("the root user has no access key"),
        _ => Verdict::fail("the root user has an access key; its age and use cannot be shown, and it should have none"),
    })
}

/// The summary is a list of `entry`, each with a `key` and a `value`.
fn summary_value(text: &str, name: &str) -> Option<String> {
    text.split("<entry>").skip(1).find_map(|entry| {
        let entry = xml::record(&format!("<entry>{}", entry.split_inclusive("</entry>").next()?), "entry").ok()??;
        (entry.get("key")?.trim() == name).then(|| entry.get("value").cloned())?
    })
}

fn action(config: &Config, name: &str, parameters: &[(&str, &str)]) -> Call {
    let mut form = vec![("Action", name)];
    form.extend_from_slice(parameters);
    form.push(("Version", API_VERSION));
    let of = parameters.first().map(|(_, value)| format!(" of {value}")).unwrap_or_default();
    Call::post(format!("{}/", config.endpoint.trim_end_matches('/'))).form(&form).purpose(format!("iam:{name}{of}"))
}

fn list(page: &Response, name: &str) -> Result<Vec<Record>, Failure> {
    let members = xml::members(page.text()?, name).map_err(|error| page.not_as_expected(error))?;
    members.ok_or_else(|| page.not_as_expected(format!("no `{name}` in the answer")))
}

fn text(record: &Record, name: &str) -> Result<String, Failure> {
    record.get(name).cloned().ok_or_else(|| bad(format!("the answer has an entry without `{name}`")))
}

/// The service's own code says more than the status: `AccessDenied`, `InvalidClientTokenId`, `Throttling`.
fn denied(error: CallError) -> Failure {
    let code = error.response().and_then(|response| {
        let text = std::str::from_utf8(&response.body).ok()?;
        xml::record(text, "Error").ok()??.get("Code").cloned()
    });
    match code {
        Some(code) => error.because(format!("{code} ({})", error.error)),
        None => error.into(),
    }
}
