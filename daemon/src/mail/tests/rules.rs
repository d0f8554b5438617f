//! Letters of the alert rules: reminders, flapping, first results, and several in one mail.

use super::*;
use crate::{
    domain::{HoldReason, Silence},
    judge::Flapping,
};

fn reminder() -> ReminderFacts {
    let mut failed = failed();
    failed.test.slot = slot("2026-03-04T05:00:00Z");
    ReminderFacts { failed, at: at("2026-03-05T07:00:00Z"), promised: None, escalated: false }
}

fn flapping() -> FlappingFacts {
    FlappingFacts {
        control: control(),
        test: test(0, "all 48 active access keys are at most 90 days old"),
        changes: 6,
        since: slot("2026-03-01T22:00:00Z"),
        rule: Flapping::default(),
    }
}

fn first_results() -> FirstResultsFacts {
    let row = |id: &str, title: &str, result| FirstRow { id: id.parse().unwrap(), title: title.into(), result };
    FirstResultsFacts {
        started: at("2026-03-01T09:00:00Z"),
        controls: vec![
            row("SEC-01", "Access keys are rotated at least every 90 days", FirstResult::Fails(exception().id)),
            row("CHG-01", "Every deployed change was reviewed by someone else", FirstResult::NotTested),
            row("GOV-05", "Every model has an owner", FirstResult::NotDueYet),
            row("AVL-01/iris", "The model iris answers", FirstResult::Passes),
        ],
        checkpoint: Some(checkpoint()),
    }
}

/// With the moment at which each came up.
fn held(letter: &Letter, severity: Severity, raised: &str, why: HoldReason) -> HeldLetter {
    let letter = prepare(letter, &head());
    // What is held lies in the ledger.
    let letter = Prepared::from_part(&letter.to_part()).unwrap();
    HeldLetter { letter, severity, raised: at(raised), why }
}

/// Nine at once, of which the least severe is not told in full.
fn storm() -> Prepared {
    let mut all: Vec<_> = (1..9)
        .map(|number| {
            let mut facts = failed();
            facts.control.id = id(&format!("SEC-{number:02}"));
            held(&Letter::Failed(facts), Severity::High, "2026-03-02T05:01:00Z", HoldReason::Storm)
        })
        .collect();
    let mut low = failed();
    low.control.id = id("GOV-05");
    low.control.title = "Every model has an owner".into();
    all.push(held(&Letter::Failed(low), Severity::Low, "2026-03-02T02:01:00Z", HoldReason::QuietHours));
    together(all, &head())
}

pub(super) fn letters() -> Vec<(&'static str, Letter, Posting)> {
    let mut promised = reminder();
    promised.promised = Some(at("2026-03-04T23:00:00Z"));
    promised.escalated = true;
    vec![
        ("reminder", Letter::Reminder(reminder()), follow_up()),
        ("reminder-escalated", Letter::Reminder(promised), follow_up()),
        ("flapping", Letter::Flapping(flapping()), posting()),
        ("steady", Letter::Steady(steady()), posting()),
        ("steady-failing", Letter::Steady(SteadyFacts::Failing(failed())), posting()),
        ("first-results", Letter::FirstResults(first_results()), posting()),
        ("proposed", Letter::Proposed(proposed()), posting()),
        ("proposed-exclusion", Letter::Proposed(proposed_exclusion()), posting()),
        ("proposed-pattern", Letter::Proposed(proposed_pattern()), posting()),
        ("expiring", Letter::Expiring(expiring()), Posting { queued: at("2026-05-16T06:00:00Z"), ..posting() }),
        ("exclusion-ends", Letter::ExclusionEnds(exclusion_ends()), posting()),
        (
            "not-attested",
            Letter::NotTested(NotTestedFacts {
                control: control(),
                cause: Cause::Unattested,
                evidence: None,
                ..not_tested()
            }),
            posting(),
        ),
    ]
}

fn expiring() -> ExpiringFacts {
    ExpiringFacts {
        control: control(),
        stated: at("2026-03-01T09:30:00Z"),
        until: at("2026-05-30T09:30:00Z"),
        at: at("2026-05-16T06:00:00Z"),
    }
}

fn exclusion_ends() -> ExclusionEndsFacts {
    ExclusionEndsFacts {
        control: control(),
        until: at("2026-03-15T23:00:00Z"),
        at: at("2026-03-01T07:00:00Z"),
        exclusions: vec![
            ExcludedFacts {
                subject: "legacy-*".into(),
                reason: "migrated in March, see the risk register".into(),
                approval: ApprovalFacts::Claimed(Some("https://git.example.com/risk/42".into())),
            },
            ExcludedFacts {
                subject: "AKIA0000000000000009".into(),
                reason: "of a supplier that leaves in March".into(),
                approval: ApprovalFacts::Decided { exclusion: 3, author: "rita".into(), approver: "carl".into() },
            },
        ],
    }
}

fn proposed() -> ProposedFacts {
    ProposedFacts {
        proposal: 7,
        subject: None,
        act: Act::Silence(Silence {
            controls: vec!["AVL-*".parse().unwrap(), "PIN-01".parse().unwrap()],
            from: at("2026-12-24T21:00:00Z"),
            until: at("2026-12-27T05:00:00Z"),
        }),
        at: at("2026-12-20T09:00:00Z"),
        author: "rita".into(),
        words: "The cluster is moved to the new hall.\nTicket OPS-311.".into(),
    }
}

fn proposed_exclusion() -> ProposedFacts {
    ProposedFacts {
        act: Act::Exclude { control: id("SEC-01"), subject_part: Digest([7; 32]), until: at("2027-03-31T22:00:00Z") },
        subject: Some("AKIA0000000000000009".into()),
        words: "The key is of a supplier that leaves in March, risk 42.".into(),
        ..proposed()
    }
}

fn proposed_pattern() -> ProposedFacts {
    ProposedFacts { subject: Some("arn:aws:iam::1:user/legacy-*".into()), ..proposed_exclusion() }
}

fn steady() -> SteadyFacts {
    let FlappingFacts { control, test, since, .. } = flapping();
    SteadyFacts::Passing { control, test, since }
}

#[test]
fn several_alerts_read_as_their_golden_mail() {
    let mails = [
        ("together-storm", storm()),
        (
            "together-two",
            together(
                vec![
                    held(&Letter::Failed(failed()), Severity::High, "2026-03-02T05:01:00Z", HoldReason::Grouping),
                    held(&Letter::Steady(steady()), Severity::High, "2026-03-02T05:02:00Z", HoldReason::Grouping),
                ],
                &head(),
            ),
        ),
        (
            "held-alone",
            together(
                vec![held(&Letter::Failed(failed()), Severity::Low, "2026-03-01T22:01:00Z", HoldReason::QuietHours)],
                &head(),
            ),
        ),
    ];
    for (name, letter) in mails {
        let mail = frame(letter, &head(), &posting());
        golden(&format!("{name}.txt"), &format!("Subject: {}\n\n{}", mail.subject, mail.text));
        golden(&format!("{name}.html"), &mail.html);
    }
}

#[test]
fn a_mail_of_counts_names_no_subject_and_quotes_no_check() {
    let counts = Letterhead { detail: Detail::Counts, ..head() };
    for (name, letter, posting) in super::letters() {
        let (Letter::Failed(_)
        | Letter::AlreadyFailing(_)
        | Letter::MoreSubjects(_)
        | Letter::Overdue(_)
        | Letter::Reminder(_)
        | Letter::Recovered(_)
        | Letter::Flapping(_)
        | Letter::Steady(_)
        | Letter::NotTested(_)) = letter
        else {
            continue;
        };
        let mail = compose(&letter, &counts, &posting);
        assert_eq!(mail.attachments, [], "{name}");
        for secret in ["AKIA", "ci-deploy", "active access keys are", "created 1"] {
            assert!(!mail.text.contains(secret) && !mail.html.contains(secret), "{name} says {secret}:\n{}", mail.text);
        }
    }
    let mail = compose(&Letter::Failed(failed()), &counts, &posting());
    golden("failed-counts.txt", &format!("Subject: {}\n\n{}", mail.subject, mail.text));
}

#[test]
fn who_approves_an_exclusion_sees_all_that_it_covers_or_where_to_see_it() {
    let full = |facts| compose(&Letter::Proposed(facts), &head(), &posting());
    // As long as one may be; the `*` stands where no reader would look for it.
    let subject = format!("{}*", "k".repeat(1023));
    let pattern = full(ProposedFacts { subject: Some(subject.clone()), ..proposed_exclusion() });
    assert!(pattern.text.contains(&subject) && pattern.html.contains(&subject));
    assert!(
        pattern.subject.contains("to exclude every subject that matches a pattern from SEC-01"),
        "{}",
        pattern.subject
    );
    assert!(!pattern.text.contains("evidenced proposals"));

    let counts = Letterhead { detail: Detail::Counts, ..head() };
    let mail = compose(&Letter::Proposed(proposed_pattern()), &counts, &posting());
    assert!(mail.text.contains("every subject that matches a pattern") && !mail.text.contains("arn:aws"));
    let one = compose(&Letter::Proposed(proposed_exclusion()), &counts, &posting());
    assert!(!one.text.contains("AKIA") && !one.html.contains("AKIA"));
    // Its text was erased, or cannot be read.
    let unknown = full(ProposedFacts { subject: None, ..proposed_exclusion() });
    for mail in [mail, one, unknown] {
        assert!(
            mail.text.contains("    evidenced proposals\n") && mail.html.contains("evidenced proposals"),
            "{}",
            mail.text
        );
    }
    assert!(!full(proposed()).text.contains("evidenced proposals"));
}
