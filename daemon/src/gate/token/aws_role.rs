//! The key of a role of AWS, that another credential may assume.

use evidenced_contract::HttpError;

use super::{
    Given,
    ask::{Asking, Question, no_token, url_of},
    sts,
};
use crate::{
    domain::AssumedRole,
    gate::{
        aws_key::{AwsKey, Call},
        credential::{CredentialSettings, Loaded},
        message::add_own_headers,
        request::Target,
    },
};

pub(super) async fn given(
    settings: &CredentialSettings,
    role: &AssumedRole,
    asking: &Asking<'_>,
) -> Result<Given, HttpError> {
    let id = &settings.id;
    // That one may be exchanged itself, and so on: the configuration has no circles.
    let key = match Box::pin(asking.gate.load(&role.from, asking)).await?.0 {
        Loaded::AwsSigV4(key) => key,
        Loaded::Header { .. } | Loaded::Basic { .. } | Loaded::Certificate(_) => {
            return Err(settings.unusable("the credential that `from` names does not sign for AWS"));
        }
    };
    let question = question(settings, role, &key, asking)?;
    sts::given(id, &asking.ask(id, &role.place.addresses, question).await?)
}

fn question(
    settings: &CredentialSettings,
    role: &AssumedRole,
    key: &AwsKey,
    asking: &Asking<'_>,
) -> Result<Question, HttpError> {
    let seconds = role.duration.as_secs().to_string();
    let mut fields = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", role.role_arn.as_str()),
        ("RoleSessionName", role.session_name.as_str()),
        ("DurationSeconds", seconds.as_str()),
    ];
    if let Some(external_id) = &role.external_id {
        fields.push(("ExternalId", external_id));
    }
    let mut question = Question::form(url_of(&settings.id, &role.place.url)?, &fields);
    let target = Target::of(&question.url).ok_or_else(|| no_token(&settings.id, "`sts_url` is not of a server"))?;
    // The host is signed too.
    add_own_headers(&mut question.headers, &target)?;
    let Question { method, url, headers, body, confided } = &mut question;
    let sent = key.sign(&Call { service: "sts", region: &role.region, method, url, body }, headers, asking.now())?;
    *confided = sent.lasting;
    Ok(question)
}
