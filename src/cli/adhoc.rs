//! `fitout run` and `fitout facts`: one module on hosts, without a playbook.

use super::args::RunArgs;
use super::execute::{Prepared, block_on, exit};
use super::fail::{Done, Fail, code};
use super::outputs::{Kind, sinks};
use super::session::told_unknown;
use super::vars::text_value;
use crate::base::{Diag, Diags, Key, Map, Span, Value};
use crate::exec::event::{Event, Sink};
use crate::exec::options::{Mode, RunOptions};
use crate::graph::{
    Act, IncludedRole, Includer, PlayPlan, Program, RoleCall, Sequence, Step, TaskKeywords, TaskNode,
};
use crate::modules::registry::nearest_name;
use crate::modules::{Module, registry};
use crate::resolve::Compiled;
use crate::spec::{check_args, split_free_form};
use crate::syntax::inventory::{Inventory, Selection};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

#[derive(Debug, Args)]
pub struct AdHocArgs {
    /// Hosts
    #[arg(value_name = "PATTERN")]
    pattern: String,
    /// Module; `-m` does as well
    #[arg(value_name = "MODULE")]
    module: Option<String>,
    /// Module
    #[arg(short = 'm', long = "module-name", value_name = "MODULE", conflicts_with = "module")]
    named: Option<String>,
    /// The module's arguments: `k=v`, free form, or JSON
    #[arg(short = 'a', long = "args", value_name = "ARGS", allow_hyphen_values = true)]
    arguments: Option<String>,
    /// Change nothing; tell what would change
    #[arg(short = 'C', long)]
    check: bool,
    /// Show the hosts and do nothing
    #[arg(long)]
    list_hosts: bool,
    /// One line for each host
    #[arg(short = 'o', long)]
    one_line: bool,
    /// In the background, for so many seconds at most
    #[arg(short = 'B', long = "background", value_name = "SECONDS")]
    background: Option<u32>,
    /// With -B: look after so many seconds whether it is done; 0 does not wait for it
    #[arg(short = 'P', long = "poll", value_name = "SECONDS", requires = "background", default_value_t = 15)]
    poll: u32,
    /// Folder beside which group_vars, host_vars, files and templates are looked for
    #[arg(long, value_name = "FOLDER")]
    playbook_dir: Option<PathBuf>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Args)]
pub struct FactsArgs {
    /// Hosts
    #[arg(value_name = "PATTERN", default_value = "all")]
    pattern: String,
    /// Only these subsets, e.g. `network,!hardware`
    #[arg(long, value_name = "SUBSETS")]
    subset: Option<String>,
    #[command(flatten)]
    run: RunArgs,
}

pub fn run(args: AdHocArgs) -> Done {
    let mut prepared = Prepared::new(Vec::new(), args.run, Mode::Playbook)?;
    prepared.options.check = args.check;
    let inventory = prepared.session.inventory(&prepared.args.hosts)?;
    let found = chosen(&prepared, &inventory, &args.pattern)?;
    if args.list_hosts {
        told!("  hosts ({}):", found.hosts.len());
        found.hosts.iter().for_each(|id| told!("    {}", inventory[*id].name));
        return Ok(code::DONE);
    }
    let name = args.named.or(args.module).unwrap_or_else(|| "command".into());
    let module = module(&name).map_err(|fail| match args.arguments {
        None => fail.hint(format!("a command stands behind -a: `fitout run {} -a '{name}'`", args.pattern)),
        Some(_) => fail,
    })?;
    let given = arguments(&prepared, &module, args.arguments.as_deref().unwrap_or_default())?;
    checked(&prepared, &module, &given)?;
    let keywords = TaskKeywords {
        async_: args.background.map(Value::from),
        poll: args.background.map(|_| args.poll.into()),
        ..TaskKeywords::default()
    };
    let compiled = one_task(&prepared, &args.pattern, module, given, keywords, args.playbook_dir.as_deref())?;
    let kind = if args.one_line { Kind::OneLine } else { Kind::AdHoc };
    let sinks = sinks(&prepared.session, &prepared.args.output, kind);
    let report = block_on(&prepared.session, prepared.options.clone(), compiled, inventory, sinks)?;
    Ok(exit(&report))
}

pub fn facts(args: FactsArgs) -> Done {
    let prepared = Prepared::new(Vec::new(), args.run, Mode::Playbook)?;
    let inventory = prepared.session.inventory(&prepared.args.hosts)?;
    chosen(&prepared, &inventory, &args.pattern)?;
    let mut given = Map::new();
    if let Some(subset) = &args.subset {
        given.insert(
            "gather_subset".into(),
            subset.split(',').map(|s| s.trim().into()).collect::<Vec<Value>>().into(),
        );
    }
    let compiled =
        one_task(&prepared, &args.pattern, module("setup")?, given, TaskKeywords::default(), None)?;
    let collected = Arc::new(Collected::default());
    let report = block_on(
        &prepared.session,
        RunOptions { verbosity: 0, ..prepared.options.clone() },
        compiled,
        inventory,
        collected.clone(),
    )?;
    let hosts = std::mem::take(&mut *collected.0.lock().unwrap_or_else(|e| e.into_inner()));
    told!("{:#}", serde_json::Value::Object(hosts));
    Ok(exit(&report))
}

/// The hosts of the pattern; names in it that nothing has are told.
fn chosen(prepared: &Prepared, inventory: &Inventory, pattern: &str) -> Result<Selection, Fail> {
    let limit = prepared.args.hosts.limit.as_deref();
    let found = inventory.select_limited(pattern, limit).map_err(|e| Fail::input(e.to_string()))?;
    told_unknown("", &found);
    Ok(found)
}

/// The facts of each host; failures go to stderr.
#[derive(Default)]
struct Collected(Mutex<serde_json::Map<String, serde_json::Value>>);

impl Sink for Collected {
    fn event(&self, event: &Event) {
        match event {
            Event::TaskDone(done) => match done.result.get("ansible_facts") {
                Some(facts) => {
                    let mut hosts = self.0.lock().unwrap_or_else(|e| e.into_inner());
                    hosts.insert(done.task.host.to_string(), facts.to_json());
                }
                None => note!("{}: {}", done.task.host, done.message),
            },
            Event::Unreachable { host, message } => note!("{host}: {message}"),
            Event::NoHosts { pattern, .. } => note!("warning: no hosts match `{pattern}`"),
            _ => {}
        }
    }
}

/// The module of this name.
pub fn module(name: &str) -> Result<Arc<Module>, Fail> {
    registry().get(name).cloned().ok_or_else(|| {
        let fail = Fail::input(format!("there is no module `{name}`"));
        match nearest_name(name, registry().all_names()) {
            Some(right) => fail.hint(format!("did you mean `{right}`?")),
            None => fail.hint("`fitout modules` lists them"),
        }
    })
}

fn arguments(prepared: &Prepared, module: &Module, text: &str) -> Result<Map, Fail> {
    let spec = &module.spec;
    if text.trim_start().starts_with('{') && spec.free_form.is_none() {
        let mut diags = Diags::default();
        let session = &prepared.session;
        let node = crate::syntax::vars_file::parse_text("<arguments>", text, &session.sources, &mut diags);
        if session.show(diags) {
            return Err(Fail::told(code::INPUT));
        }
        return match node.map(|n| n.to_value(&session.keyring)) {
            Some(Value::Map(map)) => Ok((*map).clone()),
            _ => Err(Fail::input("-a: the arguments are not a mapping")),
        };
    }
    let split = split_free_form(spec, text)
        .map_err(|e| Fail::input(format!("-a `{text}`: the arguments cannot be split: {e}")))?;
    let mut map: Map = split.words.into_iter().map(|w| (Key::from(w.key), text_value(&w.value))).collect();
    let rest = split.rest.trim();
    match (&spec.free_form, rest.is_empty()) {
        (_, true) => {}
        (Some(name), false) => {
            map.insert(name.as_str().into(), text_value(rest));
        }
        (None, false) => {
            let hint = format!("`fitout modules {}` shows the arguments", spec.name);
            return Err(Fail::input(format!("-a: `{rest}` is not name=value")).hint(hint));
        }
    }
    Ok(map)
}

/// What is wrong with the arguments is told before a host is touched, and once.
fn checked(prepared: &Prepared, module: &Module, given: &Map) -> Result<(), Fail> {
    let file = prepared.session.sources.add("<arguments>", "");
    let nowhere = Span::new(file, 0, 0);
    let pairs: Vec<_> = given.iter().filter_map(|(k, v)| Some((k.as_str()?, nowhere, v))).collect();
    let mut told = Diags::default();
    for found in check_args(&module.spec, nowhere, &pairs).iter() {
        told.push(Diag { span: None, ..found.clone() });
    }
    match prepared.session.show(told) {
        true => Err(Fail::told(code::INPUT)),
        false => Ok(()),
    }
}

/// A task that no file has.
pub fn task(span: Span, module: Arc<Module>, args: Map, keywords: Arc<TaskKeywords>) -> TaskNode {
    TaskNode {
        id: 0,
        span,
        name: Some(module.spec.name.as_str().into()),
        act: Act::Module { module, args: Arc::new(args) },
        keywords,
        role: None,
        uses: None,
        looks: None,
        uses_other_hosts: false,
        reads_here: false,
    }
}

/// A program of one play with one task.
fn one_task(
    prepared: &Prepared,
    pattern: &str,
    module: Arc<Module>,
    args: Map,
    keywords: TaskKeywords,
    beside: Option<&Path>,
) -> Result<Compiled, Fail> {
    let beside = std::path::absolute(beside.unwrap_or(Path::new(".")))
        .map_err(|e| Fail::input(format!("working directory: {e}")))?;
    let file = prepared.session.sources.add("<command line>", pattern);
    let span = Span::new(file, 0, pattern.len());
    let keywords = Arc::new(keywords);
    let task = task(span, module, args, Arc::clone(&keywords));
    let play = PlayPlan {
        span,
        name: "Ad hoc".into(),
        hosts: pattern.into(),
        playbook_dir: beside,
        gather_facts: Some(false.into()),
        gather_subset: None,
        fact_path: None,
        facts_used: None,
        serial: None,
        max_fail_percentage: None,
        order: None,
        force_handlers: None,
        vars: Arc::default(),
        vars_files: Vec::new(),
        vars_prompt: Vec::new(),
        keywords,
        role_layers: Vec::new(),
        body: Arc::new(Sequence { steps: vec![Step::Task(Arc::new(task))] }),
        handlers: Vec::new(),
        image: None,
        verify: Arc::default(),
    };
    let program = Program { plays: vec![Arc::new(play)], hash: String::new() };
    Ok(Compiled { program, includer: Arc::new(Nothing), warnings: Diags::default() })
}

/// There is nothing to include without a playbook.
struct Nothing;

impl Includer for Nothing {
    fn tasks(&self, _: &TaskNode, file: &str) -> Result<Arc<Sequence>, String> {
        Err(format!("{file} cannot be included without a playbook"))
    }

    fn role(&self, _: &TaskNode, call: &RoleCall) -> Result<IncludedRole, String> {
        Err(format!("the role {} cannot be included without a playbook", call.name))
    }
}
