use evidenced_contract::Failure;
use serde_json::Value;

use crate::{Call, CallError, Response, Run, call::encode_form};

/// Finds the call for the page after this one; `None` when this was the last. An answer that does not say whether it
/// is the last is an error: a list that ends in doubt is not a population.
pub type NextPage = Box<dyn Fn(&Call, &Response) -> Result<Option<Call>, Failure>>;

/// A list that comes in pages, asked to its end. A page that fails is an error of the whole list; a list with more
/// pages than the limit makes the report incomplete, by itself.
///
/// ```
/// # use evidenced_plugin::{Call, Failure, Pages, Run, by_link_header};
/// # fn names(run: &mut Run<'_>) -> Result<Vec<String>, Failure> {
/// let mut pages = Pages::of(Call::get("https://api.example.com/keys?per_page=100"), by_link_header());
/// let mut names = Vec::new();
/// while let Some(page) = pages.next(run)? {
///     names.extend(page.json::<Vec<String>>()?);
/// }
/// # Ok(names)
/// # }
/// ```
pub struct Pages {
    call: Option<Call>,
    next: NextPage,
    pages: u32,
    pages_max: u32,
    explain: fn(CallError) -> Failure,
}

/// So many pages are asked for unless [`Pages::at_most`] says otherwise; the host's limit of requests is lower by default.
const PAGES_MAX: u32 = 10_000;

impl Pages {
    pub fn of(first: Call, next: NextPage) -> Self {
        Self { call: Some(first), next, pages: 0, pages_max: PAGES_MAX, explain: Failure::from }
    }

    /// The pages after one that was already asked for, side by side with the first pages of other lists.
    pub fn after(first: &Call, page: &Response, next: NextPage) -> Result<Self, Failure> {
        let call = next(first, page)?;
        Ok(Self { call, next, pages: 1, pages_max: PAGES_MAX, explain: Failure::from })
    }

    pub fn at_most(mut self, pages_max: u32) -> Self {
        self.pages_max = pages_max;
        self
    }

    /// How the failure of a page is told, for services whose answers say more than their status.
    pub fn explain(mut self, explain: fn(CallError) -> Failure) -> Self {
        self.explain = explain;
        self
    }

    /// The next page; `None` at the end, or at the limit, which the run then notes as incomplete.
    pub fn next(&mut self, run: &mut Run<'_>) -> Result<Option<Response>, Failure> {
        let Some(call) = self.call.take() else { return Ok(None) };
        if self.pages == self.pages_max {
            run.note_incomplete(format!("{}: there are more than {} pages", call.words(), self.pages_max));
            return Ok(None);
        }
        let page = run.send(call.clone()).map_err(self.explain)?;
        self.pages += 1;
        self.call = (self.next)(&call, &page)?;
        if self.call.as_ref().is_some_and(|next| next.request == call.request) {
            return Err(page.not_as_expected("the next page is this page again"));
        }
        Ok(Some(page))
    }
}

/// Pages by `Link: <URL>; rel="next"` (RFC 8288), as GitHub and GitLab have them. No such link: the last page.
pub fn by_link_header() -> NextPage {
    Box::new(|call, page| {
        for (name, value) in &page.exchange.headers {
            if !name.eq_ignore_ascii_case("link") {
                continue;
            }
            if let Some(target) = next_link(value) {
                let mut next = call.clone();
                next.request.url = resolve(&call.request.url, target).ok_or_else(|| {
                    page.not_as_expected(format!("the link to the next page leads nowhere: {target}"))
                })?;
                return Ok(Some(next));
            }
        }
        Ok(None)
    })
}

/// Pages by a token in a JSON answer (`path`, a JSON Pointer), which is sent back as a parameter of the query. An
/// absent, null or empty token: the last page.
pub fn by_token(path: &'static str, parameter: &'static str) -> NextPage {
    Box::new(move |call, page| {
        let answer: Value = page.json()?;
        if !answer.is_object() {
            return Err(page.not_as_expected("the answer is not a JSON object"));
        }
        let token = match answer.pointer(path) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(token)) if token.is_empty() => return Ok(None),
            Some(Value::String(token)) => token.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(page.not_as_expected(format!("the token at {path} is neither text nor a number"))),
        };
        let mut next = call.clone();
        next.request.url = with_query(&call.request.url, parameter, &token);
        Ok(Some(next))
    })
}

/// Pages of the AWS query protocol: `IsTruncated` and `Marker` in XML, sent back as the form's `Marker`.
pub fn aws_marker() -> NextPage {
    Box::new(|call, page| {
        let text = page.text()?;
        match element(text, "IsTruncated") {
            Some("false") => return Ok(None),
            Some("true") => {}
            // AWS's reference calls it optional, and servers of the same shape leave it out when there is no more. What
            // is no answer of the protocol at all has no result either.
            None if element(text, "Marker").is_none() && text.contains("Result>") => return Ok(None),
            _ => return Err(page.not_as_expected("the answer does not say whether it is the last page")),
        }
        let marker = element(text, "Marker").map(unescape).filter(|marker| !marker.is_empty());
        let marker = marker.ok_or_else(|| page.not_as_expected("the answer is cut and says no marker"))?;
        let body = call.request.body.as_deref().unwrap_or_default();
        let mut form: Vec<u8> = body
            .split(|byte| *byte == b'&')
            .filter(|field| !field.is_empty() && !field.starts_with(b"Marker="))
            .collect::<Vec<_>>()
            .join(&b'&');
        form.push(b'&');
        form.extend_from_slice(encode_form(&[("Marker", &marker)]).as_bytes());
        let mut next = call.clone();
        next.request.body = Some(form);
        Ok(Some(next))
    })
}

/// The target of the first link whose relation is `next`.
fn next_link(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next =
            parameters.split([';', ',']).filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value
                        .trim()
                        .trim_matches('"')
                        .split_ascii_whitespace()
                        .any(|rel| rel.eq_ignore_ascii_case("next"))
            });
        if is_next {
            return Some(target);
        }
        rest = after;
    }
    None
}

/// A link as an absolute URL. The grant is the host's to check, so a link to elsewhere is refused there.
fn resolve(base: &str, target: &str) -> Option<String> {
    if target.contains("://") {
        return Some(target.to_owned());
    }
    let authority_from = base.find("://")? + 3;
    let path_from = base[authority_from..].find(['/', '?']).map_or(base.len(), |at| at + authority_from);
    let path_until = base.find('?').unwrap_or(base.len());
    match target.as_bytes().first()? {
        b'/' => Some(format!("{}{target}", &base[..path_from])),
        b'?' => Some(format!("{}{target}", &base[..path_until])),
        _ => None,
    }
}

/// The URL with one parameter of its query set; another value of the same parameter goes.
fn with_query(url: &str, parameter: &str, value: &str) -> String {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let assignment = encode_form(&[(parameter, value)]);
    let name = assignment.split('=').next().unwrap_or_default();
    let kept = query.split('&').filter(|field| !field.is_empty() && field.split('=').next() != Some(name));
    let query: Vec<&str> = kept.chain([assignment.as_str()]).collect();
    format!("{path}?{}", query.join("&"))
}

/// The text of the first element of this name. Enough for markers: text in XML holds no `<`.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    after.split('<').next().map(str::trim)
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}
