//! For tests: how long something takes on a processor, whatever else the machine does.

use std::time::Duration;

/// Runs `work`; its result, and the processor time that this thread spent on it.
pub fn busy<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let start = spent();
    let result = work();
    (result, spent() - start)
}

/// Processor time of this thread so far.
fn spent() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(now).expect("a clock that counts up from 0")
}
