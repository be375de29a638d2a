//! The writer's answers on their way to whoever waits. Those for one lane go there together: each word to a thread from
//! outside may have to wake it, which costs more than what it says.

use std::mem;

use super::op::Told;
use crate::lanes::Lanes;

/// Answers that are to be passed on.
pub(super) struct Relay {
    lanes: Lanes,
    /// By lane, those that wait there.
    bound: Vec<Vec<Told>>,
}

impl Relay {
    pub(super) fn new(lanes: Lanes) -> Self {
        let bound = (0..lanes.count()).map(|_| Vec::new()).collect();
        Self { lanes, bound }
    }

    /// Takes an answer, which is passed on at the next [`pass_on`](Self::pass_on), or at once where nobody waits on a lane.
    pub(super) fn take(&mut self, told: Told) {
        match self.bound.get_mut(told.place.wrapping_sub(1)) {
            Some(bound) => bound.push(told),
            None => told.tell(),
        }
    }

    /// Passes on what was taken.
    pub(super) fn pass_on(&mut self) {
        for (place, bound) in (1..).zip(&mut self.bound) {
            let told = mem::take(bound);
            match self.lanes.at(place) {
                // What a lane that has ended does not say any more, nobody waits for.
                Some(lane) if told.len() > 1 => {
                    lane.spawn(async move { told.into_iter().for_each(Told::tell) });
                }
                Some(_) | None => told.into_iter().for_each(Told::tell),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::{self, Receiver, error::TryRecvError};

    use super::{
        super::op::{Answer, Done, Entry, Op},
        *,
    };

    /// An answer for the thread that this is called on.
    fn told() -> (Told, Receiver<Answer>) {
        let (reply, heard) = oneshot::channel();
        let entry = Entry::new(Op::Upkeep(Box::new(|_, _| Ok(0))), Some(reply));
        let told = entry.answer(Ok(Done::Changed(7)));
        (told.expect("somebody waits"), heard)
    }

    async fn hears(heard: Receiver<Answer>) {
        let answer = heard.await.expect("it is told");
        assert_eq!(answer.said.unwrap(), Done::Changed(7));
    }

    #[tokio::test]
    async fn answers_for_a_lane_go_together_and_others_at_once() {
        let (lanes, _guard) = Lanes::start_some(1).unwrap();
        let mut relay = Relay::new(lanes.clone());
        let (here, heard) = told();
        relay.take(here);
        hears(heard).await;

        for many in 1..=3 {
            let mut waiting = Vec::new();
            for _ in 0..many {
                let lane = lanes.next().unwrap();
                let (told, mut heard) = lane.spawn(async { told() }).await.unwrap();
                relay.take(told);
                assert_eq!(heard.try_recv().err(), Some(TryRecvError::Empty));
                waiting.push(heard);
            }
            relay.pass_on();
            for heard in waiting {
                hears(heard).await;
            }
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_lane_that_has_ended() {
        let (lanes, guard) = Lanes::start_some(1).unwrap();
        let mut relay = Relay::new(lanes.clone());
        let mut waiting = Vec::new();
        for _ in 0..2 {
            let lane = lanes.next().unwrap();
            let (told, heard) = lane.spawn(async { told() }).await.unwrap();
            relay.take(told);
            waiting.push(heard);
        }
        let (kept, ended) = oneshot::channel::<()>();
        lanes.next().unwrap().spawn(async move {
            std::future::pending::<()>().await;
            drop(kept);
        });
        drop(guard);
        assert!(ended.await.is_err());
        relay.pass_on();
        for heard in waiting {
            assert!(heard.await.is_err(), "it is told that nothing will come");
        }
    }
}
