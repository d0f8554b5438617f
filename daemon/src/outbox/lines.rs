//! One queue a way. Pure, as the queues are.

use std::collections::BTreeMap;

use super::{Attempt, Delivery, Key, Line, Outcome, Policy, Problem, Queue};
use crate::domain::Timestamp;

/// What waits for each way, and when what is tried. A server that is away holds up nothing but what goes to it.
#[derive(Debug)]
pub struct Lines {
    policy: Policy,
    queues: BTreeMap<Line, Queue>,
    last_error: Option<(Timestamp, String)>,
}

impl Lines {
    pub const fn new(policy: Policy) -> Self {
        Self { policy, queues: BTreeMap::new(), last_error: None }
    }

    /// Takes a delivery, due at once. One that waits already is left as it is.
    pub fn push(&mut self, delivery: Delivery, now: Timestamp) {
        let policy = self.policy;
        self.queues.entry(delivery.to.line()).or_insert_with(|| Queue::new(policy)).push(delivery, now);
    }

    pub fn len(&self) -> usize {
        self.queues.values().map(Queue::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.queues.values().all(Queue::is_empty)
    }

    /// Ways for which as much is held in memory as may be.
    pub fn full(&self) -> impl Iterator<Item = &Line> {
        self.queues.iter().filter(|(_, queue)| !queue.has_room()).map(|(line, _)| line)
    }

    /// When the oldest of those that wait was queued.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.queues.values().filter_map(Queue::oldest).min()
    }

    /// Why nothing goes out by a way, in words, and since when.
    pub fn problems(&self) -> impl Iterator<Item = (&Line, Problem, &str, Timestamp)> {
        self.queues.iter().filter_map(|(line, queue)| {
            let (problem, why, since) = queue.problem()?;
            Some((line, problem, why, since))
        })
    }

    /// Why nothing goes out by this way.
    pub fn problem(&self, line: &Line) -> Option<(Problem, &str)> {
        self.queues.get(line)?.problem().map(|(problem, why, _)| (problem, why))
    }

    /// The newest failure of any kind.
    pub const fn last_error(&self) -> Option<&(Timestamp, String)> {
        self.last_error.as_ref()
    }

    /// The next delivery to try now; call it until it gives none.
    pub fn start(&mut self, now: Timestamp) -> Option<Delivery> {
        self.queues.values_mut().find_map(|queue| queue.start(now))
    }

    /// When [`Self::start`] gives something next, if nothing else happens before.
    pub fn next_start(&self) -> Option<Timestamp> {
        self.queues.values().filter_map(Queue::next_start).min()
    }

    /// There is another way out now: what waits is tried at once.
    pub fn hurry(&mut self, now: Timestamp) {
        for queue in self.queues.values_mut() {
            queue.hurry(now);
        }
    }

    /// What became of a try. Gives the outcome if the delivery has ended.
    pub fn finish(&mut self, line: &Line, key: Key, attempt: Attempt, now: Timestamp) -> Option<Outcome> {
        let queue = self.queues.get_mut(line)?;
        let outcome = queue.finish(key, attempt, now);
        if let Some((at, why)) = queue.last_error()
            && self.last_error.as_ref().is_none_or(|(last, _)| last <= at)
        {
            self.last_error = Some((*at, why.clone()));
        }
        if queue.is_empty() {
            // Webhooks come and go; what failed of it is kept above.
            self.queues.remove(line);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use proptest::prelude::*;

    use super::*;
    use crate::{
        domain::WebhookKind,
        mail::Posted,
        outbox::{Destination, End, tests::mail},
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_772_000_000_000 + seconds * 1000)
    }

    /// Delivery 0 goes to an address, 1 and 2 to webhooks.
    fn delivery(alert: u64, number: u32) -> Delivery {
        let posted = |to: &str| Posted {
            to: to.parse().unwrap(),
            kind: WebhookKind::Generic,
            body: "{}".into(),
            incident: None,
        };
        let mut mail = mail().with_webhooks(vec![posted("ops/slack"), posted("ops/generic")]);
        mail.message_id = format!("<{alert}@example.com>");
        let to = Destination::of(&mail, number).unwrap();
        Delivery { key: Key { alert, delivery: number }, to, mail: Arc::new(mail), queued: at(0) }
    }

    #[test]
    fn deliveries_are_numbered_through_addresses_and_webhooks() {
        let mail = &delivery(1, 0).mail;
        let line = |number| Destination::of(mail, number).map(|to| to.line());
        assert_eq!(line(0), Some(Line::Mail));
        assert_eq!(line(2), Some(Line::Webhook("ops/generic".parse().unwrap())));
        assert_eq!(line(3), None);
        assert_eq!(mail.deliveries(), 3);
    }

    #[test]
    fn a_way_that_is_closed_holds_up_no_other() {
        let mut lines = Lines::new(Policy::default());
        for alert in 1..=3 {
            for number in 0..3 {
                lines.push(delivery(alert, number), at(0));
            }
        }
        let slack = Line::Webhook("ops/slack".parse().unwrap());
        let mut delivered = 0;
        for second in 0..60 {
            let mut tried = Vec::new();
            while let Some(delivery) = lines.start(at(second)) {
                tried.push(delivery);
            }
            for delivery in tried {
                let line = delivery.to.line();
                let attempt = if line == slack {
                    Attempt::Stopped { problem: Problem::Unreachable, why: "gone".into() }
                } else {
                    Attempt::Delivered
                };
                delivered += usize::from(lines.finish(&line, delivery.key, attempt, at(second)).is_some());
            }
        }
        assert_eq!((delivered, lines.len()), (6, 3));
        let problems: Vec<_> = lines.problems().map(|(line, problem, ..)| (line.clone(), problem)).collect();
        assert_eq!(problems, [(slack, Problem::Unreachable)]);
        assert!(lines.next_start().is_some_and(|next| next > at(59)));
        lines.hurry(at(60));
        assert_eq!(lines.next_start(), Some(at(60)));
    }

    #[test]
    fn a_server_that_says_when_is_not_asked_before() {
        let mut lines = Lines::new(Policy::default());
        for alert in 1..=2 {
            lines.push(delivery(alert, 1), at(0));
        }
        let first = lines.start(at(0)).unwrap();
        let busy = Attempt::Busy { why: "busy".into(), after: Duration::from_secs(120) };
        assert_eq!(lines.finish(&first.to.line(), first.key, busy, at(0)), None);
        // The other was not tried yet, and must not be either.
        assert_eq!(lines.start(at(119)), None);
        let probe = lines.start(at(120)).unwrap();
        let outcome = lines.finish(&probe.to.line(), probe.key, Attempt::Delivered, at(120)).unwrap();
        assert_eq!((outcome.end, lines.len()), (End::Delivered, 1));
    }

    #[test]
    fn what_is_told_of_one_incident_goes_out_in_order() {
        let mut lines = Lines::new(Policy::default());
        for alert in 1..=2 {
            let mut delivery = delivery(alert, 1);
            let mut mail = (*delivery.mail).clone();
            mail.webhooks[0].incident = Some("EX-2026-0001".into());
            delivery.mail = Arc::new(mail);
            lines.push(delivery, at(0));
        }
        let first = lines.start(at(0)).unwrap();
        assert_eq!((first.key.alert, lines.start(at(0))), (1, None));
        let later = Attempt::Later { why: "500".into() };
        lines.finish(&first.to.line(), first.key, later, at(0));
        assert_eq!(lines.start(at(1)), None, "the later one must not overtake");
    }

    proptest! {
        /// Whatever ways answer: each delivery ends once, or waits and is tried again within 15 minutes or when the server
        /// has said.
        #[test]
        fn nothing_is_lost_whatever_ways_answer(answers in proptest::collection::vec((0..5_u8, 0..2_000_u64), 1..120)) {
            let mut lines = Lines::new(Policy { concurrency: 2, held_max: 8 });
            let all = 12;
            for alert in 0..4 {
                for number in 0..3 {
                    lines.push(delivery(alert, number), at(0));
                }
            }
            let mut now = at(0);
            let mut ended = Vec::new();
            for (answer, after) in answers {
                while let Some(delivery) = lines.start(now) {
                    let why = "x".to_owned();
                    let attempt = match answer {
                        0 => Attempt::Delivered,
                        1 => Attempt::Later { why },
                        2 => Attempt::Stopped { problem: Problem::Unreachable, why },
                        3 => Attempt::Busy { why, after: Duration::from_secs(after) },
                        _ => Attempt::Refused { code: 400, why },
                    };
                    ended.extend(lines.finish(&delivery.to.line(), delivery.key, attempt, now).map(|end| end.key));
                }
                prop_assert_eq!(ended.len() + lines.len(), all);
                let Some(next) = lines.next_start() else { break };
                prop_assert!(next.since(now) <= Duration::from_secs(2_000));
                now = now.max(next);
            }
            let mut once = ended.clone();
            once.sort_unstable();
            once.dedup();
            prop_assert_eq!(once.len(), ended.len());
        }
    }
}
