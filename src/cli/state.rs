//! `state`: what there is in a cloud, by its tags; no file is asked.

use super::args::CloudArgs;
use super::execute::runtime;
use super::fail::{Done, Fail, code};
use crate::cloud::identity::{EXPIRES, NODE, OP, RUN, STACK};
use crate::cloud::{Tags, expiry};
use crate::exec::Cancel;
use crate::exec::cloud::gc::{Found, look};
use crate::exec::cloud::removal::Target;
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

/// Show what fitout made in a cloud, from its tags; any machine will do, and no playbook is needed
#[derive(Debug, Args)]
pub struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Debug, Subcommand)]
enum StateCommand {
    /// All things, one a line: kind, id, name, node, run, operation, age
    List {
        #[command(flatten)]
        cloud: CloudArgs,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// All that is known of some things
    Show {
        /// Ids, names or nodes (`ec2_vpc_net/web`)
        #[arg(required = true, value_name = "THING")]
        things: Vec<String>,
        #[command(flatten)]
        cloud: CloudArgs,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

pub fn run(args: &StateArgs) -> Done {
    let (cloud, json) = match &args.command {
        StateCommand::List { cloud, json } | StateCommand::Show { cloud, json, .. } => (cloud, *json),
    };
    let place = cloud.place();
    let found = runtime()?.block_on(look(&place, &Cancel::default()));
    let Found { targets, unseen } = found.map_err(|e| Fail::failed(e.to_string()))?;
    unseen.iter().for_each(|why| note!("warning: there may be more: {why}"));
    match &args.command {
        StateCommand::List { .. } => list(&targets, json, place.stack.as_deref()),
        StateCommand::Show { things, .. } => return show(&targets, things, json),
    }
    Ok(code::DONE)
}

/// What is shown of a thing, in the order of the columns.
fn fields(target: &Target) -> [(&'static str, String); 9] {
    let tag = |name: &str| target.tags.get(name).cloned().unwrap_or_default();
    [
        ("stack", tag(STACK)),
        ("kind", target.thing.kind.to_string()),
        ("id", target.thing.id.clone()),
        ("name", tag("Name")),
        ("node", tag(NODE)),
        ("region", target.region().to_string()),
        ("run", tag(RUN)),
        ("op", tag(OP)),
        ("age", age(&target.tags)),
    ]
}

fn age(tags: &Tags) -> String {
    expiry::age(tags, jiff::Timestamp::now()).map(expiry::short).unwrap_or_default()
}

fn as_json(target: &Target) -> Json {
    let mut json: serde_json::Map<String, Json> =
        fields(target).into_iter().map(|(name, text)| (name.to_string(), text.into())).collect();
    let seconds = expiry::age(&target.tags, jiff::Timestamp::now()).map(|a| a.as_secs());
    json.insert("age".into(), json!(seconds));
    json.insert("expires".into(), json!(target.tags.get(EXPIRES)));
    json.insert("kept".into(), target.kept().into());
    json.insert("tags".into(), json!(target.tags));
    Json::Object(json)
}

fn list(targets: &[Target], json: bool, stack: Option<&str>) {
    if json {
        return targets.iter().for_each(|t| told!("{}", as_json(t)));
    }
    if targets.is_empty() {
        let of = stack.map(|s| format!(" of the stack `{s}`")).unwrap_or_default();
        note!("nothing{of} carries fitout's tags there");
        return;
    }
    let rows: Vec<Vec<String>> = std::iter::once(fields(&targets[0]).map(|(n, _)| n.to_uppercase()).to_vec())
        .chain(targets.iter().map(|t| fields(t).map(|(_, text)| text).to_vec()))
        .map(|row| row.into_iter().map(|cell| if cell.is_empty() { "-".into() } else { cell }).collect())
        .collect();
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        told!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn show(targets: &[Target], wanted: &[String], json: bool) -> Done {
    let mut missing = Vec::new();
    for name in wanted {
        let is = |t: &&Target| {
            t.thing.id == *name || [NODE, "Name"].iter().any(|tag| t.tags.get(*tag) == Some(name))
        };
        let hits: Vec<&Target> = targets.iter().filter(is).collect();
        if hits.is_empty() {
            missing.push(name.as_str());
        }
        for target in hits {
            match json {
                true => told!("{}", as_json(target)),
                false => tell(target),
            }
        }
    }
    match missing.is_empty() {
        true => Ok(code::DONE),
        false => Err(Fail::failed(format!("nothing with fitout's tags is {}", missing.join(", ")))
            .hint("`fitout state list` shows what there is; --region says where to look")),
    }
}

fn tell(target: &Target) {
    told!("{} {}", target.thing.kind, target.thing.id);
    for (name, text) in fields(target).into_iter().skip(3).filter(|(_, text)| !text.is_empty()) {
        told!("  {name}: {text}");
    }
    told!("  stack: {}", target.stack());
    if let Some(moment) = target.tags.get(EXPIRES) {
        told!("  expires: {moment}");
    }
    if target.kept() {
        told!("  kept: prevent_destroy");
    }
    for (key, value) in target.tags.iter().filter(|(key, _)| !key.starts_with("fitout:") && *key != "Name") {
        told!("  tag {key}: {value}");
    }
}
