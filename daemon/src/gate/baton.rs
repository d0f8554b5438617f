//! Whose turn it is: one at a time, and after each the next control.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::oneshot;

use crate::domain::ControlId;

/// What only one may hold. Those who wait get it in the order in which they came, but for this: between two requests of
/// one control every other control that waits has a turn.
#[derive(Debug, Default)]
pub(super) struct Baton(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_held: bool,
    /// The next control in front.
    waiting: VecDeque<(ControlId, VecDeque<oneshot::Sender<Held>>)>,
}

/// Dropped, it goes on to the next.
#[derive(Debug)]
pub(super) struct Held(Option<Arc<Baton>>);

impl Baton {
    /// Waits for a turn. To stop waiting costs the others nothing.
    pub(super) async fn take(self: &Arc<Self>, control: &ControlId) -> Held {
        let handed = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !state.is_held {
                state.is_held = true;
                return Held(Some(Arc::clone(self)));
            }
            let (hand, handed) = oneshot::channel();
            match state.waiting.iter_mut().find(|(waiting, _)| waiting == control) {
                Some((_, hands)) => hands.push_back(hand),
                None => state.waiting.push_back((control.clone(), VecDeque::from([hand]))),
            }
            handed
        };
        match handed.await {
            Ok(held) => held,
            // Hands are dropped with the baton alone, which is borrowed here.
            Err(_) => Held(None),
        }
    }

    /// The next who waits; `None`: nobody does, and it is free.
    fn next(&self) -> Option<oneshot::Sender<Held>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((control, mut hands)) = state.waiting.pop_front() {
            let hand = hands.pop_front();
            if !hands.is_empty() {
                state.waiting.push_back((control, hands));
            }
            if hand.is_some() {
                return hand;
            }
        }
        state.is_held = false;
        None
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(baton) = self.0.take() else { return };
        while let Some(hand) = baton.next() {
            match hand.send(Self(Some(Arc::clone(&baton)))) {
                Ok(()) => return,
                // Whoever waited has gone: this one has nothing to hand on any more.
                Err(mut back) => drop(back.0.take()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use futures_util::future::{join_all, poll_immediate};

    use super::*;

    fn id(name: &str) -> ControlId {
        name.parse().unwrap()
    }

    /// Who gets it, if all of these wait in this order while it is held.
    async fn order(waiting: &str) -> String {
        let baton = Arc::new(Baton::default());
        let held = baton.take(&id("first")).await;
        let order = Mutex::new(String::new());
        let turns = waiting.char_indices().map(|(at, name)| {
            let (baton, order) = (&baton, &order);
            async move {
                let _held = baton.take(&id(&name.to_string())).await;
                order.lock().unwrap().push_str(&format!("{name}{at} "));
            }
        });
        let release = async { drop(held) };
        futures_util::future::join(join_all(turns), release).await;
        order.into_inner().unwrap()
    }

    #[tokio::test]
    async fn controls_take_turns_and_each_keeps_its_own_order() {
        assert_eq!(order("aaa").await, "a0 a1 a2 ");
        assert_eq!(order("aaabc").await, "a0 b3 c4 a1 a2 ");
        assert_eq!(order("abab").await, "a0 b1 a2 b3 ");
        assert_eq!(order("baaab").await, "b0 a1 b4 a2 a3 ");
    }

    #[tokio::test]
    async fn who_stops_waiting_is_passed_over() {
        let baton = Arc::new(Baton::default());
        let held = baton.take(&id("a")).await;
        let [b, c, d] = ["b", "c", "d"].map(id);
        let mut gone = Box::pin(baton.take(&b));
        assert!(poll_immediate(&mut gone).await.is_none());
        let mut next = Box::pin(baton.take(&c));
        assert!(poll_immediate(&mut next).await.is_none());
        drop(gone);
        drop(held);
        let held = poll_immediate(&mut next).await.unwrap();
        // Given, and never looked at.
        let mut forgetful = Box::pin(baton.take(&d));
        assert!(poll_immediate(&mut forgetful).await.is_none());
        drop(held);
        drop(forgetful);
        tokio::time::timeout(Duration::from_secs(5), baton.take(&id("e"))).await.unwrap();
    }
}
