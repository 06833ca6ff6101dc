//! Several workers: one thread for the VM of each, as in Envoy.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::bootstrap::{Bootstrap, Refused};
use crate::envoy::FakeEnvoy;
use crate::process::Process;
use crate::stats::StatsSnapshot;

type Job = Box<dyn FnOnce(&mut FakeEnvoy) + Send>;

/// A listener before Envoy starts with several workers: made by [`Bootstrap::workers`].
#[derive(Clone, Debug)]
pub struct WorkersBootstrap {
    bootstrap: Bootstrap,
    count: usize,
}

impl WorkersBootstrap {
    pub(crate) fn new(bootstrap: Bootstrap, count: usize) -> Self {
        Self { bootstrap, count }
    }

    /// Starts Envoy with this plugin configuration: its workers one after another, the first one first.
    ///
    /// # Errors
    /// When the module refuses it in one of them: Envoy would then refuse the listener.
    pub fn configure(self, configuration: impl AsRef<[u8]>) -> Result<Workers, Refused> {
        let process = Process::default();
        let mut workers = Workers { process: process.clone(), workers: Vec::new() };
        for index in 0..self.count {
            let bootstrap = self.bootstrap.clone();
            let worker = Worker::start(bootstrap, index, process.clone(), configuration.as_ref().to_vec())?;
            workers.workers.push(worker);
        }
        workers.settle();
        Ok(workers)
    }
}

/// The workers of one Envoy, each with a VM of its own that runs the module, on a thread of its own. They share
/// statistics, shared data and shared queues, as in Envoy; whatever else happens in a VM, the others do not see.
///
/// A story that is told on a worker runs on its thread. What cannot leave that thread is found again by its number:
///
/// ```
/// # use envoy_sdk::{ConfigureContext, Module, NetworkContext, NetworkFilter, NetworkFilterFactory, Result};
/// # #[derive(serde::Deserialize)]
/// # struct Config {}
/// # struct Quiet;
/// # impl NetworkFilterFactory for Quiet {
/// #     const NAME: &'static str = "quiet";
/// #     type Config = Config;
/// #     type Filter = Quiet;
/// #     fn configure(_config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> { Ok(Self) }
/// #     fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Quiet> { Ok(Self) }
/// # }
/// # impl NetworkFilter for Quiet {}
/// # fn module() -> Module { Module::new().network_filter::<Quiet>() }
/// use envoy_sdk_test::FakeEnvoy;
///
/// let mut workers = FakeEnvoy::new(module).workers(2).configure("{}")?;
/// let connection = workers.on(0, |envoy| envoy.connect().context());
/// workers.on(0, move |envoy| {
///     envoy.connection(connection).client_sends("hello");
/// });
/// assert_eq!(workers.on(1, |envoy| envoy.open_connections()), 0);
/// # Ok::<(), envoy_sdk_test::Refused>(())
/// ```
///
/// An assertion that fails on a worker fails the test with its message.
///
/// When a story has been told, plugins of all workers are told of messages that are for them (see
/// [`SharedQueue`](envoy_sdk::SharedQueue)), worker by worker, until there are none left.
///
/// Envoy also runs the module on its main thread, twice, before it starts workers. FakeEnvoy does not.
#[derive(Debug)]
pub struct Workers {
    process: Process,
    workers: Vec<Worker>,
}

impl Workers {
    /// Lets a story happen on a worker, and waits until it is over.
    ///
    /// # Panics
    /// When the story does, with its message; or when there is no such worker.
    #[track_caller]
    pub fn on<R: Send + 'static>(
        &mut self,
        worker: usize,
        story: impl FnOnce(&mut FakeEnvoy) -> R + Send + 'static,
    ) -> R {
        let result = self.begin(worker, story);
        let result = self.end(worker, &result);
        self.settle();
        result
    }

    /// Lets a story happen on all workers at the same time, and waits until it is over everywhere. The results come
    /// in the order of the workers.
    ///
    /// # Panics
    /// When the story does, with its message.
    pub fn on_all<R: Send + 'static>(
        &mut self,
        story: impl Fn(usize, &mut FakeEnvoy) -> R + Send + Sync + 'static,
    ) -> Vec<R> {
        let story = Arc::new(story);
        let begun = (0..self.workers.len()).map(|index| {
            let story = Arc::clone(&story);
            self.begin(index, move |envoy| story(index, envoy))
        });
        let begun = begun.collect::<Vec<_>>();
        let results = begun.iter().enumerate().map(|(index, result)| self.end(index, result)).collect();
        self.settle();
        results
    }

    /// Time passes for all workers, one after another, and timers fire.
    pub fn advance(&mut self, duration: Duration) {
        for worker in 0..self.workers.len() {
            self.on(worker, move |envoy| envoy.advance(duration));
        }
    }

    /// The plugin gets another configuration in all workers: see [`FakeEnvoy::reconfigure`].
    ///
    /// # Errors
    /// When the module refuses it in one of them.
    pub fn reconfigure(&mut self, configuration: impl AsRef<[u8]>) -> Result<(), Refused> {
        for worker in 0..self.workers.len() {
            let configuration = configuration.as_ref().to_vec();
            self.on(worker, move |envoy| envoy.reconfigure(configuration))?;
        }
        Ok(())
    }

    /// What all workers have counted so far.
    pub fn stats(&self) -> StatsSnapshot {
        self.process.stats().snapshot()
    }

    /// How many workers there are.
    pub fn count(&self) -> usize {
        self.workers.len()
    }

    /// Tells plugins of messages, until there are none left to tell of.
    fn settle(&mut self) {
        while self.process.queues().has_announcements() {
            for worker in 0..self.workers.len() {
                let settled = self.begin(worker, |envoy| envoy.settle());
                self.end(worker, &settled);
            }
        }
    }

    #[track_caller]
    fn begin<R: Send + 'static>(
        &self,
        worker: usize,
        story: impl FnOnce(&mut FakeEnvoy) -> R + Send + 'static,
    ) -> Receiver<R> {
        let count = self.workers.len();
        let Some(worker) = self.workers.get(worker) else {
            panic!("there is no worker {worker}: there are {count}, counted from 0");
        };
        let (told, result) = channel();
        worker.tell(Box::new(move |envoy| drop(told.send(story(envoy)))));
        result
    }

    fn end<R>(&mut self, worker: usize, result: &Receiver<R>) -> R {
        match result.recv() {
            Ok(result) => result,
            Err(_) => {
                self.process.fail();
                self.workers[worker].pass_on_panic()
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.process.fail();
        }
        for worker in &mut self.workers {
            worker.stop();
        }
    }
}

/// One worker's thread. It ends when nobody can tell it anything any more, and its Envoy with it.
#[derive(Debug)]
struct Worker {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn start(
        bootstrap: Bootstrap,
        index: usize,
        process: Process,
        configuration: Vec<u8>,
    ) -> Result<Self, Refused> {
        let (jobs, told) = channel::<Job>();
        let (started, start) = channel();
        let run = move || match bootstrap.start_worker(index, process, &configuration) {
            Ok(mut envoy) => {
                drop(started.send(Ok(())));
                drop(started);
                for job in told {
                    job(&mut envoy);
                }
            }
            Err(refused) => drop(started.send(Err(refused))),
        };
        let thread =
            Builder::new().name(format!("worker {index}")).spawn(run).expect("a thread can be started");
        let mut worker = Self { jobs: Some(jobs), thread: Some(thread) };
        match start.recv() {
            Ok(Ok(())) => Ok(worker),
            Ok(Err(refused)) => Err(refused),
            Err(_) => worker.pass_on_panic(),
        }
    }

    /// A thread that has ended is noticed when the result is waited for.
    fn tell(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            drop(jobs.send(job));
        }
    }

    fn pass_on_panic(&mut self) -> ! {
        let ended = self.thread.take().map(JoinHandle::join);
        match ended {
            Some(Err(message)) => resume_unwind(message),
            _ => panic!("this worker has failed before"),
        }
    }

    fn stop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else { return };
        if let Err(message) = thread.join()
            && !std::thread::panicking()
        {
            resume_unwind(message);
        }
    }
}
