//! Host keys out of the console: what cloud-init writes there no one on the network can forge.

use crate::base::{List, Map, Value};
use crate::cloud::Kind;
use crate::cloud::ec2::{input::GetConsoleOutputInputBuilder, types};
use crate::cloud::identity::from_sdk;
use crate::cloud::kinds::Instance;
use crate::modules::cloud::{Cx, TagChange};
use crate::modules::{ArgsExt, Failure};
use base64::Engine;
use std::time::{Duration, Instant};

/// The tag that keeps the key of an instance, for later runs from any machine.
const HOST_KEY: &str = "fitout:host-key";
const BEGIN: &str = "-----BEGIN SSH HOST KEY KEYS-----";
const END: &str = "-----END SSH HOST KEY KEYS-----";

/// Whether the task asks for host keys.
pub fn wanted(cx: &Cx<'_>) -> bool {
    cx.args.str("host_keys") == "console"
}

/// The keys of an instance whose tag tells them.
pub fn known(instance: &types::Instance) -> List {
    from_sdk(instance.tags()).get(HOST_KEY).map(|key| Value::from(key.as_str())).into_iter().collect()
}

/// Reads the console until the keys stand there, and keeps one of them in a tag.
pub async fn learn(cx: &Cx<'_>, instance: &types::Instance) -> Result<List, Failure> {
    let there = known(instance);
    if !there.is_empty() {
        return Ok(there);
    }
    let (account, id) = (&cx.account, Instance::id(instance));
    let began = Instant::now();
    let limit = Duration::from_secs(u64::try_from(cx.args.int("wait_timeout")).unwrap_or(600).max(1));
    let mut pause = Duration::from_millis(500);
    let key = loop {
        let input = GetConsoleOutputInputBuilder::default().instance_id(id).latest(true);
        let output = account.ec2.get_console_output(input).await?.output.unwrap_or_default();
        let text = base64::engine::general_purpose::STANDARD.decode(output.trim()).unwrap_or_default();
        if let Some(key) = best(&keys(&String::from_utf8_lossy(&text))) {
            break key;
        }
        if began.elapsed() > limit {
            return Err(Failure::new(format!(
                "the console of {id} tells no SSH host keys after {} s\nhint: the image needs cloud-init, which \
                 writes them there",
                limit.as_secs()
            )));
        }
        account.manner.pause("ec2:GetConsoleOutput", pause).await?;
        pause = pause.mul_f64(1.5).min(Duration::from_secs(10));
    };
    let tags = [(HOST_KEY.to_string(), key.clone())].into_iter().collect();
    cx.write_tags(&[id], &TagChange { set: tags, remove: Vec::new() }).await?;
    Ok(vec![key.into()])
}

/// Adds them to the instance's return values.
pub fn tell(shown: &mut Map, keys: List) {
    shown.insert("host_keys".into(), keys.into());
}

/// The lines between the marks, each a kind and a key.
fn keys(console: &str) -> Vec<String> {
    let Some((_, rest)) = console.rsplit_once(BEGIN) else { return Vec::new() };
    let Some((block, _)) = rest.split_once(END) else { return Vec::new() };
    let line = |line: &str| {
        // The console may put its own words in front.
        let at = ["ssh-", "ecdsa-", "sk-"].iter().filter_map(|k| line.find(k)).min()?;
        let mut words = line[at..].split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?))
    };
    block.lines().filter_map(line).collect()
}

/// Short keys fit into a tag.
fn best(keys: &[String]) -> Option<String> {
    let rank = |k: &&String| {
        let order = ["ssh-ed25519", "ecdsa-"];
        order.iter().position(|o| k.starts_with(o)).unwrap_or(order.len())
    };
    keys.iter().filter(|k| k.len() <= 256).min_by_key(rank).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_between_the_marks() {
        let console = format!(
            "boot\n[   12.0] cloud-init: {BEGIN}\n[   12.1] ecdsa-sha2-nistp256 AAAAE root@x\nssh-ed25519 AAAAC \
             root@x\n{END}\nlogin:"
        );
        let found = keys(&console);
        assert_eq!(found, ["ecdsa-sha2-nistp256 AAAAE", "ssh-ed25519 AAAAC"]);
        assert_eq!(best(&found).as_deref(), Some("ssh-ed25519 AAAAC"));
        assert!(keys(&format!("{BEGIN}\nssh-ed25519 AAAAC")).is_empty(), "the block is not whole yet");
    }
}
