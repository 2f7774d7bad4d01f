//! A timer that is set for every request and almost never has to be touched.
//!
//! Registering and removing a timer per request costs more than everything else the runtime does for it. Deadlines of
//! one connection only move forward, so the timer stays armed for an earlier one; when it comes too early it is armed
//! again. A request that ends in time costs one comparison. Exact: it never comes late.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep};

/// See the module.
#[derive(Debug, Default)]
pub struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Ready once `due` has come.
    pub fn poll(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            // It rang for an earlier request.
            if sleep.deadline() >= due || Instant::now() >= due {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }

    /// Runs `work` until it ends or `due` comes; `None` in the second case.
    pub async fn limit<T>(&mut self, due: Instant, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => self.poll(cx, due).map(|()| None),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn rings_at_each_deadline_whatever_it_was_armed_for() {
        let mut alarm = Alarm::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        // Ends in time: the timer stays armed for 100.
        assert_eq!(alarm.limit(at(100), async { 1 }).await, Some(1));
        let pending = std::future::pending::<()>();
        assert_eq!(alarm.limit(at(250), pending).await, None);
        assert_eq!(Instant::now(), at(250));
        // An earlier deadline than the one it is armed for.
        assert_eq!(
            alarm
                .limit(at(9000), tokio::time::sleep(Duration::from_millis(1)))
                .await,
            Some(())
        );
        assert_eq!(
            alarm.limit(at(300), std::future::pending::<()>()).await,
            None
        );
        assert_eq!(Instant::now(), at(300));
    }
}
