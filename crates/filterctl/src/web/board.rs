//! Where the run leaves what is to be shown, and who has seen it.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::state::State;

/// Who has not asked for this long has gone, or sleeps in the background.
const GONE: Duration = Duration::from_secs(10);

/// So many pages are remembered.
const PAGES: usize = 64;

/// What is shown now. Whoever posts never waits for whoever reads: a reader takes a handle and goes.
#[derive(Debug, Default)]
pub(super) struct Board {
    state: Mutex<Arc<State>>,
    pages: Mutex<BTreeMap<String, Seen>>,
    /// Somebody has seen something new.
    seen: Condvar,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Instant,
    look: u64,
}

impl Board {
    pub(super) fn post(&self, state: State) {
        *locked(&self.state) = Arc::new(state);
    }

    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&locked(&self.state))
    }

    /// Remembers that a page has asked, and what it has been given.
    pub(super) fn note(&self, page: &str, look: u64) {
        let mut pages = locked(&self.pages);
        pages.retain(|_, seen| seen.at.elapsed() < GONE);
        if pages.len() < PAGES || pages.contains_key(page) {
            pages.insert(page.to_owned(), Seen { at: Instant::now(), look });
        }
        self.seen.notify_all();
    }

    /// Waits until every page that is looked at has been given what is shown now, and no longer than that.
    pub(super) fn wait_until_seen(&self, within: Duration) {
        let until = Instant::now() + within;
        let look = self.state().look;
        let mut pages = locked(&self.pages);
        while pages.values().any(|seen| seen.look < look && seen.at.elapsed() < GONE) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            pages = self.seen.wait_timeout(pages, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn posted(look: u64) -> Arc<Board> {
        let board = Arc::<Board>::default();
        board.post(State { look, ..State::default() });
        board
    }

    #[test]
    fn the_end_waits_for_those_who_watch() {
        let board = posted(7);
        board.note("slow", 6);
        let watcher = {
            let board = Arc::clone(&board);
            thread::spawn(move || board.wait_until_seen(Duration::from_secs(60)))
        };
        assert!(!watcher.is_finished());
        board.note("slow", 7);
        watcher.join().unwrap();
    }

    #[test]
    fn nobody_who_watches_is_nobody_to_wait_for() {
        posted(7).wait_until_seen(Duration::from_secs(60));
        let board = posted(7);
        board.note("gone", 1);
        board.wait_until_seen(Duration::from_millis(1));
    }

    #[test]
    fn so_many_pages_are_remembered() {
        let board = posted(1);
        for page in 0..10 * PAGES {
            board.note(&page.to_string(), 1);
        }
        assert_eq!(locked(&board.pages).len(), PAGES);
    }
}
