//! Waiting for what comes soon: conditions are asked again and again, up to a bound that only a broken test reaches.

use std::time::Duration;

/// Nothing in these tests takes as long as this.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

/// What a busy machine may add to a time that is promised.
pub(crate) const GRACE: Duration = Duration::from_millis(600);

/// Asks until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    in_time(what, asking).await
}

/// Waits for something that must come.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let answer = tokio::time::timeout(PATIENCE, future).await;
    answer.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}
