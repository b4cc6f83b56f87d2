//! Whose kernel runs on a host, and whether a task insists on changing it.

use crate::modules::text::{TextFile, write_text};
use crate::modules::{Args, ArgsExt};
use crate::remote::files::{FolderAttributes, WriteFile, folders_job, write_file_job};
use crate::remote::{Job, Output};

/// Whose the running kernel is, as place.sh finds it: marks of containers, and whether process 1 has another
/// root.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The machine's own, or a virtual machine's: it can be set.
    Host,
    /// The kernel is the machine's; much of it is read-only or not there.
    Container,
    /// The kernel is another system's: its values are not this one's.
    Chroot,
}

impl Place {
    /// What place.sh reported.
    pub fn of(output: &Output) -> Place {
        match output.field("place", "kind").as_deref() {
            Some("chroot") => Place::Chroot,
            Some("container") => Place::Container,
            _ => Place::Host,
        }
    }
}

/// The argument `live`: what is to become of the running kernel.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Live {
    /// It takes the setting, or the task fails.
    Required,
    /// In a container that cannot set it, the files alone are right, and a warning says so.
    Possible,
    /// Only files are written: for images.
    Never,
}

impl Live {
    /// From the argument `live`; any other word is [`Live::Required`].
    pub fn of(args: &Args) -> Live {
        match args.str("live") {
            "possible" => Live::Possible,
            "never" => Live::Never,
            _ => Live::Required,
        }
    }

    /// Whether the running kernel is looked at and changed at all.
    pub fn touches(self, place: Place) -> bool {
        self != Live::Never && place != Place::Chroot
    }

    /// Whether a setting that cannot be made on the running kernel is accepted.
    pub fn forgives(self, place: Place) -> bool {
        self == Live::Possible && place != Place::Host
    }
}

/// Puts content in a file's place; its folder is made where the probe reported `nofolder` for the file.
pub fn write(output: &Output, item: &str, was: &TextFile, content: &str) -> Vec<Job> {
    write_as(output, item, write_text(was, content))
}

/// As [`write()`], with everything else that can be said of a file.
pub fn write_as(output: &Output, item: &str, file: WriteFile) -> Vec<Job> {
    let mut jobs = Vec::new();
    if output.field(item, "nofolder").is_some()
        && let Some((folder, _)) = item.rsplit_once('/')
    {
        jobs.push(folders_job([folder], FolderAttributes::default()));
    }
    jobs.push(write_file_job(file));
    jobs
}

/// A constant script of this folder's place.sh and a module's own text.
#[macro_export]
macro_rules! placed_script {
    ($name:literal, $file:literal) => {{
        static SCRIPT: std::sync::LazyLock<std::sync::Arc<$crate::remote::Script>> =
            std::sync::LazyLock::new(|| {
                let place = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/modules/kernel/place.sh"));
                $crate::remote::Script::new($name, format!("{place}{}", include_str!($file)))
            });
        &*SCRIPT
    }};
}

/// As [`placed_script!`](crate::placed_script), for what looks at the files of modules-load.d and modprobe.d too.
#[macro_export]
macro_rules! boot_script {
    ($name:literal, $file:literal) => {{
        static SCRIPT: std::sync::LazyLock<std::sync::Arc<$crate::remote::Script>> =
            std::sync::LazyLock::new(|| {
                let folder = [
                    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/modules/kernel/place.sh")),
                    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/modules/kernel/boot_modules.sh")),
                ];
                $crate::remote::Script::new($name, format!("{}{}", folder.concat(), include_str!($file)))
            });
        &*SCRIPT
    }};
}
