//! The builder's own options, in its entry of `builders:`, and what follows from the plays.

use super::super::options::Source;
use super::super::{BakeError, Order};
use crate::base::{Map, Value};
use crate::graph::{Act, PlayPlan, Sequence, Step};
use crate::spec::to_text;

const KEYS: [&str; 2] = ["firmware", "provision"];

/// What the verification boots the image with.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Firmware {
    Bios,
    Efi,
}

/// Where the plays run.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Chroot,
    /// A container with its own systemd, for plays that start and stop services.
    Booted,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub firmware: Vec<Firmware>,
    pub place: Place,
}

impl Options {
    pub fn new(order: &Order) -> Result<Options, BakeError> {
        if order.image.source == Source::Elsewhere {
            return Err(BakeError::Input(
                "image: source: the builder `disk` begins with `debootstrap`, `path` or `url` (a tarball of a root file \
                 system, or a disk: raw or qcow2)"
                    .into(),
            ));
        }
        let written = order.image.builders.iter().find(|b| b.kind == "disk").map(|b| b.options.clone());
        Self::read(&written.unwrap_or_default(), || {
            let manages = order.plays.program.plays.iter().any(|play| manages_services(play));
            if manages { Place::Booted } else { Place::Chroot }
        })
    }

    fn read(options: &Map, auto: impl Fn() -> Place) -> Result<Options, BakeError> {
        for key in options.keys().filter_map(|key| key.as_str()) {
            if !KEYS.contains(&key) {
                let there = KEYS.join(" and ");
                return Err(BakeError::Input(format!(
                    "image: the builder `disk` has no option `{key}`: there are {there}"
                )));
            }
        }
        let list = match options.get("firmware") {
            None | Some(Value::Null) => vec!["bios".to_string()],
            Some(Value::List(list)) => list.iter().map(to_text).collect(),
            Some(one) => vec![to_text(one)],
        };
        let firmware = list.iter().map(|word| match word.as_str() {
            "bios" => Ok(Firmware::Bios),
            "efi" => Ok(Firmware::Efi),
            other => Err(BakeError::Input(format!("image: firmware `{other}`: there are bios and efi"))),
        });
        let place = match options.get("provision").map(to_text).as_deref() {
            None | Some("auto" | "") => auto(),
            Some("chroot") => Place::Chroot,
            Some("boot") => Place::Booted,
            Some(other) => {
                let why = format!("image: provision `{other}`: there are auto, chroot and boot");
                return Err(BakeError::Input(why));
            }
        };
        Ok(Options { firmware: firmware.collect::<Result<_, _>>()?, place })
    }
}

/// Whether a task (no handler: what runs after a change need not run in an image) says that a service runs or does not.
fn manages_services(play: &PlayPlan) -> bool {
    in_sequence(&play.body)
}

fn in_sequence(sequence: &Sequence) -> bool {
    sequence.steps.iter().any(|step| match step {
        Step::Task(task) => match &task.act {
            Act::Module { module, args } => {
                ["service", "systemd"].contains(&&*module.spec.name) && args.contains_key("state")
            }
            _ => false,
        },
        Step::Block(block) => [&block.body, &block.rescue, &block.always].into_iter().any(in_sequence),
        Step::Flush { .. } => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Options, String> {
        let json: serde_json::Value = serde_yaml::from_str(text).unwrap();
        let value = Value::from_json(&json);
        Options::read(value.as_map().unwrap(), || Place::Chroot).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_not_said_follows_from_the_plays() {
        assert_eq!(read("{}"), Ok(Options { firmware: vec![Firmware::Bios], place: Place::Chroot }));
        let options = read("{firmware: [efi, bios], provision: boot}").unwrap();
        assert_eq!(options, Options { firmware: vec![Firmware::Efi, Firmware::Bios], place: Place::Booted });
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (text, said) in [
            ("{firmwares: efi}", "no option `firmwares`"),
            ("{firmware: uboot}", "firmware `uboot`"),
            ("{provision: vm}", "provision `vm`"),
        ] {
            assert!(read(text).unwrap_err().contains(said), "{text}");
        }
    }
}
