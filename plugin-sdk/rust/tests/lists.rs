//! Lists in pages, and what becomes of errors, on a host in memory.

use evidenced_plugin::{
    Call, Check, Description, Failure, FailureKind, Findings, HttpError, Listing, NextPage, Pages, Report, Run, Status,
    Verdict, aws_marker, by_link_header, by_token, description,
    testing::{Scripted, ScriptedHost, facts_at, run, words},
};
use serde_json::json;

const NOW: &str = "2026-03-02T06:00:00.000Z";

/// Every page's text, or the failure; and whether the run noted that there was more.
#[track_caller]
fn walk(host: &mut ScriptedHost, first: Call, next: NextPage, pages_max: u32) -> (Result<Vec<String>, Failure>, bool) {
    let mut run = Run::new(facts_at(NOW), host).expect("NOW is an instant");
    let mut pages = Pages::of(first, next).at_most(pages_max);
    let mut texts = Vec::new();
    loop {
        match pages.next(&mut run) {
            Ok(Some(page)) => texts.push(page.text().expect("pages are text").to_owned()),
            Ok(None) => return (Ok(texts), run.is_incomplete()),
            Err(failure) => return (Err(failure), run.is_incomplete()),
        }
    }
}

fn linked(host: &mut ScriptedHost, url: &str, link: &str, body: &str) {
    let mut answer = Scripted::of(&Call::get(url), 200, body);
    answer.answer.as_mut().expect("it was just made").exchange.headers.push(("Link".to_owned(), link.to_owned()));
    host.script(answer);
}

#[test]
fn links_are_followed_whether_absolute_or_not_until_there_is_no_next() {
    let mut host = ScriptedHost::new();
    let prev = r#"<https://a.example/keys?page=0>; rel="prev", <https://a.example/keys?page=2>; rel="next""#;
    linked(&mut host, "https://a.example/keys", prev, "one");
    linked(&mut host, "https://a.example/keys?page=2", r#"</keys?page=3>; title="a; b"; rel="last next""#, "two");
    linked(&mut host, "https://a.example/keys?page=3", "<?page=4>; rel=next", "three");
    linked(&mut host, "https://a.example/keys?page=4", r#"<https://a.example/keys>; rel="first""#, "four");
    let (pages, incomplete) = walk(&mut host, Call::get("https://a.example/keys"), by_link_header(), 10);
    assert_eq!((pages.unwrap(), incomplete), (["one", "two", "three", "four"].map(str::to_owned).to_vec(), false));
    host.assert_all_asked();
}

#[test]
fn a_token_goes_back_into_the_query_and_replaces_the_one_before() {
    let mut host = ScriptedHost::new();
    host.answer(&Call::get("https://a.example/k?n=2"), 200, r#"{"next":{"token":"a/b="}}"#);
    host.answer(&Call::get("https://a.example/k?n=2&token=a%2Fb%3D"), 200, r#"{"next":{"token":7}}"#);
    host.answer(&Call::get("https://a.example/k?n=2&token=7"), 200, r#"{"next":{"token":""}}"#);
    let (pages, _) = walk(&mut host, Call::get("https://a.example/k?n=2"), by_token("/next/token", "token"), 10);
    assert_eq!(pages.unwrap().len(), 3);
    host.assert_all_asked();
}

#[test]
fn a_list_that_does_not_say_whether_it_ends_is_an_error() {
    for (body, next) in [
        ("[]", by_token("/token", "token")),
        (r#"{"token":{}}"#, by_token("/token", "token")),
        ("<r/>", aws_marker()),
        ("<r><IsTruncated>true</IsTruncated></r>", aws_marker()),
    ] {
        let mut host = ScriptedHost::new();
        host.answer(&Call::get("https://a.example/"), 200, body);
        let (pages, _) = walk(&mut host, Call::get("https://a.example/"), next, 10);
        assert_eq!(pages.unwrap_err().kind, FailureKind::BadInput, "{body}");
    }
}

#[test]
fn a_page_that_leads_to_itself_is_an_error_and_not_a_loop() {
    let mut host = ScriptedHost::new();
    linked(&mut host, "https://a.example/", r#"<https://a.example/>; rel="next""#, "again");
    let (pages, _) = walk(&mut host, Call::get("https://a.example/"), by_link_header(), 10);
    assert!(pages.unwrap_err().message.contains("again"));
}

#[test]
fn a_page_limit_is_noted_and_is_not_the_end() {
    let mut host = ScriptedHost::new();
    linked(&mut host, "https://a.example/", r#"<https://a.example/2>; rel="next""#, "one");
    let (pages, incomplete) = walk(&mut host, Call::get("https://a.example/"), by_link_header(), 1);
    assert_eq!((pages.unwrap().len(), incomplete), (1, true));
}

struct Subjects;

impl Check for Subjects {
    type Config = Vec<String>;

    fn describe() -> Description {
        description!()
    }

    fn run(urls: &Vec<String>, run: &mut Run<'_>) -> Result<Report, Failure> {
        let mut findings = Findings::of("the configuration");
        for url in urls {
            findings.subject(url, |finding| {
                finding.label("labelled before it was asked");
                let answer = run.send(Call::get(url).accept(&[404]))?;
                finding.measure("share", if answer.body.is_empty() { f64::NAN } else { 0.5 }, "1");
                Ok(Verdict::pass_if(answer.status() != 404, "asked").with_attention_if(answer.status() == 201))
            });
        }
        Ok(findings.finish("asked"))
    }
}

#[test]
fn every_kind_of_error_is_the_finding_of_its_subject_and_the_loop_goes_on() {
    let errors = [
        (HttpError::Refused("GET".to_owned()), "unsupported"),
        (HttpError::Unreachable("no route".to_owned()), "unreachable"),
        (HttpError::Timeout, "timeout"),
        (HttpError::Tls("expired".to_owned()), "unreachable"),
        (HttpError::Limit("wall".to_owned()), "timeout"),
        (HttpError::Limit("requests".to_owned()), "unsupported"),
    ];
    let statuses = [(401, "denied"), (403, "denied"), (429, "throttled"), (500, "unreachable"), (400, "bad input")];
    let mut host = ScriptedHost::new();
    let mut urls = Vec::new();
    let mut expected = Vec::new();
    for (at, (error, begins)) in errors.into_iter().enumerate() {
        let url = format!("https://a.example/{at}");
        host.script(Scripted { answer: Err(error), ..Scripted::of(&Call::get(&url), 200, "") });
        urls.push(url);
        expected.push(begins);
    }
    for (status, begins) in statuses {
        let url = format!("https://a.example/status/{status}");
        host.answer(&Call::get(&url), status, "no");
        urls.push(url);
        expected.push(begins);
    }
    host.answer(&Call::get("https://a.example/good"), 200, "yes");
    urls.push("https://a.example/good".to_owned());
    let report = run::<Subjects>(&json!(urls), facts_at(NOW), &mut host).unwrap();
    for (finding, begins) in report.findings.iter().zip(&expected) {
        assert_eq!(finding.status, Status::Error, "{finding:?}");
        assert!(finding.message.starts_with(&format!("{begins}: ")), "{finding:?}");
        assert_eq!(finding.label.as_deref(), Some("labelled before it was asked"));
    }
    assert_eq!(report.findings.last().unwrap().status, Status::Pass);
    assert_eq!((report.population as usize, report.listing), (urls.len(), Listing::EverySubject));
    host.assert_all_asked();
}

#[test]
fn an_accepted_status_is_an_answer_and_a_value_that_is_not_finite_is_an_error() {
    let mut host = ScriptedHost::new();
    for (path, status, body) in [("gone", 404, "no"), ("new", 201, "yes"), ("empty", 200, "")] {
        host.answer(&Call::get(format!("https://a.example/{path}")), status, body);
    }
    let urls = json!(["https://a.example/gone", "https://a.example/new", "https://a.example/empty"]);
    let result = run::<Subjects>(&urls, facts_at(NOW), &mut host);
    let told: Vec<String> = words(&result).lines().skip(2).map(str::to_owned).collect();
    assert_eq!(
        told,
        [
            "fail https://a.example/gone (labelled before it was asked): asked",
            "  share = 0.5 1",
            "pass! https://a.example/new (labelled before it was asked): asked",
            "  share = 0.5 1",
            "error https://a.example/empty (labelled before it was asked): the measurement `share` is not a finite number",
        ]
    );
}

#[test]
#[should_panic(expected = "the check asked what was not scripted")]
fn a_question_that_nobody_expected_ends_the_test() {
    let _ = run::<Subjects>(&json!(["https://a.example/"]), facts_at(NOW), &mut ScriptedHost::new());
}

#[test]
fn a_configuration_that_does_not_fit_is_a_failure() {
    let result = run::<Subjects>(&json!({"urls": []}), facts_at(NOW), &mut ScriptedHost::new());
    assert_eq!(result.unwrap_err().kind, FailureKind::BadInput);
}
