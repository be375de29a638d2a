//! Waiting for what comes soon: conditions are asked again and again, up to a bound that only a broken test reaches.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Starting a container takes a second or two; a busy machine may need many more.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);

/// Asks until there is an answer; `else_say` tells what there is instead.
#[expect(
    clippy::disallowed_methods,
    reason = "the bound is one of the test, not of the product"
)]
pub(crate) fn until<T>(
    what: &str,
    mut ask: impl FnMut() -> Option<T>,
    else_say: impl Fn() -> String,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: {}", else_say());
        thread::sleep(PAUSE);
    }
}
