//! The live view in a browser: a page on loopback with the panels of [`display`](crate::display), for those who have no
//! dashboard at hand.
//!
//! ```text
//! cargo filterctl demo smtp --web
//! cargo filterctl run ldap --listen 3389 --upstream 127.0.0.1:389 --web 8080
//! ```
//!
//! The run tells a [`Live`] what it sees; the page asks the server for it every second. Nothing that a browser does can
//! reach the run: what is shown is a copy, served by a thread of its own in which no connection waits for another, and
//! there is nothing to be asked but the page and its numbers.
//!
//! The page is in `page/`, as it is: no build, no package, and nothing that it would load from elsewhere.

mod arguments;
mod assets;
mod board;
mod events;
mod history;
mod live;
mod server;
mod settings;
mod state;

pub use arguments::WebArguments;
pub use live::{Live, Run};
pub use server::Web;
pub use state::Hop;
