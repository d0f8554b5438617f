//! Two people, one recorder.

use std::{sync::Arc, thread::JoinHandle};

use evidenced_contract::Status;
use tokio::sync::mpsc;

use super::{
    Desk, ExclusionState, Line, Live, Problem, ProposalState, Question,
    tests::{Bench, CONFIG, at},
};
use crate::{
    clock::VirtualClock,
    domain::{ControlId, Silence},
    evidence::testing::report,
    gate::Mask,
    ledger::{Depth, Ledger, Store},
    recorder::{self, Author, texts},
    sandbox::CompileWhere,
};

const ALICE: u32 = 41_001;
const BOB: u32 = 41_002;

/// A desk that can write.
struct Office {
    desk: Option<Arc<Desk>>,
    ledger: Arc<Ledger<crate::fold::State>>,
    recorder: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Office {
    fn of(bench: Bench) -> Self {
        let clock = Arc::new(VirtualClock::new(at(20)));
        let Bench { ledger, catalogue, recorder, _folder, .. } = bench;
        let (handle, thread) = recorder::start(recorder, clock.clone()).unwrap();
        let (asks, _) = mpsc::channel(1);
        let live = Live { recorder: handle, traffic: Arc::new(Vec::new), pulse: Arc::new(|| None), asks };
        let desk = Desk::new(Arc::clone(&ledger), catalogue, clock, CompileWhere::InProcess, Some(live));
        Self { desk: Some(Arc::new(desk)), ledger, recorder: Some(thread), _folder }
    }

    fn desk(&self) -> &Arc<Desk> {
        self.desk.as_ref().unwrap()
    }

    /// The last line of the answer.
    async fn ask(&self, uid: u32, question: Question) -> Line {
        let author = Author { uid, login_uid: None, name: None };
        let (lines, mut answer) = mpsc::channel(64);
        let desk = Arc::clone(self.desk());
        let asking = tokio::spawn(async move { desk.answer(&author, question, lines).await });
        let mut last = None;
        while let Some(line) = answer.recv().await {
            last = Some(line);
        }
        asking.await.unwrap();
        last.unwrap()
    }

    async fn refused(&self, uid: u32, question: Question) -> String {
        match self.ask(uid, question).await {
            Line::Refused { problem: Problem::Question, message } => message,
            line => panic!("{line:?}"),
        }
    }

    fn holding(&self, text: &str) -> usize {
        let mask = Mask::new([text]);
        let kept = self.ledger.parts().unwrap().kept;
        kept.iter().filter(|part| mask.finds(&self.ledger.part(part).unwrap().unwrap())).count()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        // The recorder ends with its last handle.
        self.desk = None;
        if let Some(recorder) = self.recorder.take() {
            recorder.join().unwrap();
        }
    }
}

fn words() -> String {
    "because of request 17".to_owned()
}

#[tokio::test]
async fn a_subject_is_erased_when_another_person_approves() {
    let mut bench = Bench::new();
    for (day, who) in [(2, "alice+keys@example.com"), (3, "bob@example.com"), (4, "alice+keys@example.com")] {
        bench.ran(at(day), true, report(who, Status::Fail));
    }
    let office = Office::of(bench);
    let subject = "alice+keys@example.com".to_owned();
    let holding = office.holding(&subject);
    assert!(holding > 2, "a list of subjects, runs and a mail that waits: {holding}");

    let erase = Question::Erase { subject: subject.clone(), words: words() };
    let Line::Recorded { proposal: Some(proposal), found, .. } = office.ask(ALICE, erase).await else { panic!() };
    assert_eq!(found, Some(holding as u64));
    let approve = || Question::Approve { proposal, words: words() };
    assert!(office.refused(ALICE, approve()).await.contains("your own"));
    assert_eq!(office.holding(&subject), holding + 1, "with the proposal itself");
    let proposed = office.desk().proposals(false);
    assert_eq!(
        (proposed.len(), proposed[0].state, proposed[0].author.as_str()),
        (1, ProposalState::Proposed, "uid 41001")
    );

    let Line::Erased { parts, in_use } = office.ask(BOB, approve()).await else { panic!() };
    assert_eq!(office.desk().proposals(true)[0].state, ProposalState::Approved);
    // There is no recipient, so no mail waits.
    assert_eq!((parts, in_use, office.holding(&subject)), (holding as u64, Vec::new(), 0));
    let control: ControlId = "SEC-01".parse().unwrap();
    let names = texts(office.ledger.state().subject_parts(&control), |part| office.ledger.part(part));
    let mut names: Vec<_> = names.into_values().collect();
    names.sort();
    assert_eq!(names, ["(erased)", "bob@example.com"]);
    let verified = office.ledger.verify(Depth::Refold, &|_| std::ops::ControlFlow::Continue(())).unwrap();
    assert_eq!(verified.faults, Vec::<String>::new());
    assert!(
        office.refused(BOB, Question::Erase { subject: "abc".to_owned(), words: words() }).await.contains("4 bytes")
    );
}

#[tokio::test]
async fn an_erasure_that_was_cut_off_is_taken_up_again() {
    let mut bench = Bench::new();
    bench.ran(at(2), true, report("alice@example.com", Status::Fail));
    let office = Office::of(bench);
    let subject = "alice@example.com".to_owned();
    let erase = Question::Erase { subject: subject.clone(), words: words() };
    let Line::Recorded { proposal: Some(proposal), .. } = office.ask(ALICE, erase).await else { panic!() };
    // Approved, and one part erased without its entry: a crash in between.
    let found = office.desk().searched(proposal).await.unwrap();
    let approve = recorder::Does::Approve(proposal);
    office.desk().act(&Author { uid: BOB, login_uid: None, name: None }, words(), approve).await.unwrap();
    let runs = |part: &&crate::domain::Digest| {
        let content = office.ledger.part(part).unwrap().unwrap();
        !content.starts_with(b"[") && content != subject.as_bytes()
    };
    let part = *found.parts().iter().find(runs).unwrap();
    office.ledger.erase(&part).unwrap();
    assert!(!office.ledger.state().is_erased(&part));

    let again = Question::Approve { proposal, words: words() };
    let Line::Erased { .. } = office.ask(BOB, again).await else { panic!() };
    assert!(office.ledger.state().is_erased(&part), "what was gone is written down");
    assert_eq!(office.holding(&subject), 0);
    let verified = office.ledger.verify(Depth::Refold, &|_| std::ops::ControlFlow::Continue(())).unwrap();
    assert_eq!(verified.faults, Vec::<String>::new());
}

#[tokio::test]
async fn who_is_not_named_is_refused_and_told_by_which_list() {
    let access = "[access]\nresponders = [\"nobody\"]\napprovers = [\"root\"]\n[[control]]";
    let office = Office::of(Bench::with(&CONFIG.replacen("[[control]]", access, 1)));
    let silence = || {
        let what = Silence { controls: vec!["SEC-*".parse().unwrap()], from: at(20), until: at(23) };
        Question::Silence { what, words: words() }
    };
    let refused = office.refused(ALICE, silence()).await;
    assert_eq!(
        refused,
        "uid 41001 may not answer for what fails: `responders` in [access] does not name them, nor a group of theirs"
    );
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap().uid.as_raw();
    let Line::Recorded { proposal: Some(proposal), silence: None, .. } = office.ask(nobody, silence()).await else {
        panic!("three days need a second person")
    };
    let approve = || Question::Approve { proposal, words: words() };
    let drop = || Question::Drop { proposal, words: words() };
    for asked in [approve(), drop()] {
        assert!(office.refused(BOB, asked).await.contains("`approvers` in [access]"));
    }
    let Line::Recorded { silence: Some(number), .. } = office.ask(0, approve()).await else { panic!() };
    let silences = office.desk().silences(false);
    assert_eq!((silences[0].silence, silences[0].author.as_str()), (number, "nobody"));
    let proposals = office.desk().proposals(true);
    assert_eq!(proposals[0].ended.as_ref().map(|(who, at, _)| (who.as_str(), *at)), Some(("root", at(20))));
}

#[tokio::test]
async fn an_exclusion_is_listed_with_both_names_and_its_subject_is_erased_once_it_has_ended() {
    let mut bench = Bench::with(&CONFIG.replacen(
        "plugin =",
        "exclude = [{ subject = \"legacy-*\", reason = \"migrated in March, see there\", approval = \"risk/42\" }]\nplugin =",
        1,
    ));
    bench.ran(at(2), true, report("alice@example.com", Status::Fail));
    let office = Office::of(bench);
    let control: ControlId = "SEC-01".parse().unwrap();
    let subject = "alice@example.com".to_owned();
    let exclude = Question::Exclude {
        control: control.clone(),
        subject: subject.clone(),
        until: at(90),
        words: "on parental leave until summer".to_owned(),
    };
    let Line::Recorded { proposal: Some(proposal), .. } = office.ask(ALICE, exclude).await else { panic!() };
    assert_eq!(office.desk().proposals(false)[0].subject.as_ref(), Some(&subject));
    assert_eq!(office.desk().exclusions(false).len(), 1);
    let approve = |proposal| Question::Approve { proposal, words: words() };
    let Line::Recorded { .. } = office.ask(BOB, approve(proposal)).await else { panic!() };
    let listed = office.desk().exclusions(false);
    let [configured, decided] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((configured.subject.as_str(), configured.claimed.as_deref()), ("legacy-*", Some("risk/42")));
    let by = decided.decided.as_ref().unwrap();
    assert_eq!((by.author.as_str(), by.approver.as_str()), ("uid 41001", "uid 41002"));
    assert_eq!(
        (decided.subject.as_str(), decided.reason.as_str()),
        (subject.as_str(), "on parental leave until summer")
    );
    assert_eq!(office.desk().status().exclusions, 2);

    let erase = Question::Erase { subject: subject.clone(), words: words() };
    let Line::Recorded { proposal: Some(erasing), .. } = office.ask(ALICE, erase).await else { panic!() };
    let Line::Erased { in_use, .. } = office.ask(BOB, approve(erasing)).await else { panic!() };
    assert_eq!(in_use, ["an exclusion that is in force: `evidenced exclude --end SEC-01 SUBJECT` ends it"]);
    let end = Question::EndExclusion { control: control.clone(), subject: subject.clone(), words: words() };
    let Line::Recorded { .. } = office.ask(ALICE, end).await else { panic!() };
    let Line::Erased { in_use, .. } = office.ask(BOB, approve(erasing)).await else { panic!() };
    assert_eq!((in_use, office.holding(&subject)), (Vec::new(), 0));
    let all = office.desk().exclusions(true);
    assert_eq!((all[1].subject.as_str(), all[1].state), ("(erased)", ExclusionState::Ended));
    let verified = office.ledger.verify(Depth::Refold, &|_| std::ops::ControlFlow::Continue(())).unwrap();
    assert_eq!(verified.faults, Vec::<String>::new());
}
