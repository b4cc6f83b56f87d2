//! What stands on command lines and in environments while something runs: secrets must not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Looks at every process of this machine, the hosts' included, for words on command lines and in environments.
pub struct Watch {
    done: Arc<AtomicBool>,
    seen: Arc<Mutex<BTreeSet<(String, String)>>>,
    thread: std::thread::JoinHandle<()>,
}

impl Watch {
    /// For these words.
    pub fn start(words: &[&str]) -> Watch {
        let words: Vec<String> = words.iter().map(|w| (*w).to_string()).collect();
        Watch::find(move |text| words.iter().filter(|word| text.contains(*word)).cloned().collect())
    }

    /// For what `find` returns of a command line or an environment.
    pub fn find(find: impl Fn(&str) -> Vec<String> + Send + 'static) -> Watch {
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let (stop, found) = (Arc::clone(&done), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    for file in ["cmdline", "environ"] {
                        let path = entry.path().join(file);
                        let text = std::fs::read(&path).unwrap_or_default();
                        let here = find(&String::from_utf8_lossy(&text));
                        let here = here.into_iter().map(|word| (word, path.display().to_string()));
                        found.lock().unwrap().extend(here);
                    }
                }
            }
        });
        Watch { done, seen, thread }
    }

    pub fn sees(&self, word: &str) -> bool {
        self.seen.lock().unwrap().iter().any(|(seen, _)| seen == word)
    }

    /// Each word with where it was seen.
    pub fn words(self) -> BTreeSet<(String, String)> {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.seen.lock().unwrap().clone()
    }
}
