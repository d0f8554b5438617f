//! Judges the age of every key of every user of an API.

use evidenced_plugin::{
    Call, Check, Description, Failure, Findings, Needs, Report, Response, Run, Timestamp, Verdict, description, unit,
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    url: String,
    max_age_days: f64,
}

#[derive(serde::Deserialize)]
struct Page {
    users: Vec<User>,
}

#[derive(serde::Deserialize)]
struct User {
    id: String,
}

#[derive(serde::Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(serde::Deserialize)]
struct Key {
    id: String,
    created: String,
}

pub struct Users;

impl Check for Users {
    type Config = Config;

    fn describe() -> Description {
        Description {
            summary: "Every key of every user is young",
            needs: Needs { hosts: vec!["/url".to_owned()], ..Needs::default() },
            ..description!("../config.schema.json")
        }
    }

    fn run(config: &Config, run: &mut Run<'_>) -> Result<Report, Failure> {
        let users = users(&config.url, run)?;
        let calls = users.iter().map(|id| Call::get(format!("{}/users/{id}/keys", config.url)).purpose("keys"));
        let answers = run.send_all(calls.collect());

        let mut findings = Findings::of("every key of every user, to the last page");
        for (user, answer) in users.iter().zip(answers) {
            let keys = answer
                .map_err(|error| error.to_string())
                .and_then(|answer| answer.json::<Keys>().map_err(|failure| failure.message));
            match keys {
                Err(why) => {
                    findings.subject(user, |_| Ok(Verdict::error(why)));
                }
                Ok(keys) => {
                    for key in keys.keys {
                        judge(&mut findings, user, &key, run.now(), config.max_age_days);
                    }
                }
            }
        }
        let summary = format!("{} of {} did not pass", findings.did_not_pass(), findings.len());
        Ok(findings.finish(summary))
    }
}

/// The ids of all users, to the last page.
fn users(url: &str, run: &mut Run<'_>) -> Result<Vec<String>, Failure> {
    let mut users = Vec::new();
    let mut next = Some(1);
    while let Some(number) = next {
        let url = format!("{url}/users?page={number}");
        let page = run.send(Call::get(&url).purpose("users"))?;
        next = next_page(&page).map_err(|failure| Failure { source: Some(url), ..failure })?;
        users.extend(page.json::<Page>()?.users.into_iter().map(|user| user.id));
    }
    Ok(users)
}

/// The number of the next page; `None` when this was the last.
fn next_page(page: &Response) -> Result<Option<u64>, Failure> {
    match page.json::<serde_json::Value>()?.get("next") {
        Some(serde_json::Value::Null) => Ok(None),
        Some(next) if next.is_u64() => Ok(next.as_u64()),
        _ => Err(page.not_as_expected("the answer does not say whether it is the last page")),
    }
}

fn judge(findings: &mut Findings, user: &str, key: &Key, now: Timestamp, max: f64) {
    findings.subject(&format!("{user}/{}", key.id), |finding| {
        let days = now.days_since(key.created.parse()?).floor();
        let good = finding.at_most("age", days, unit::DAY, max);
        Ok(Verdict::pass_if(good, format!("created {days} days ago, at most {max} are allowed")))
    });
}

evidenced_plugin::export!(Users);

#[cfg(test)]
mod tests {
    #[test]
    fn recorded_cases() {
        evidenced_plugin::testing::transcripts::<super::Users>("cases");
    }
}
