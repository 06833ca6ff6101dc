//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long anything here waits for a server, a client or a delivery before that counts as failed.
///
/// Far more than any of them needs, also on a loaded machine: it bounds a failure, it never decides a
/// success.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How long to rest between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Calls `look` until it returns something, and returns that.
///
/// # Errors
/// What `look` fails with; or, after [`DEADLINE`], that waiting for `what` was in vain.
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if start.elapsed() > DEADLINE {
            bail!("waited {} s in vain for {what}", DEADLINE.as_secs());
        }
        std::thread::sleep(PAUSE);
    }
}
