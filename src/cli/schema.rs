//! `fitout schema`: a JSON Schema of playbooks for editors, derived from the keywords and from module.yml.

use super::fail::{Done, code};
use crate::modules::registry::registry;
use crate::spec::{ArgSpec, ArgType, ModuleSpec, from_yaml};
use crate::syntax::playbook::{On, keyword_names as names};
use crate::ui::console::Console;
use serde_json::{Map, Value, json};

/// Prints the schema to stdout as indented JSON. Cannot fail.
pub fn run() -> Done {
    Console::stdout().line(&format!("{:#}", schema()));
    Ok(code::DONE)
}

/// The schema of a playbook: a list of plays.
pub fn schema() -> Value {
    let mut task = keywords(On::Task);
    for name in registry().names() {
        if let Some(module) = registry().get(name) {
            let arguments = json!({"$ref": format!("#/$defs/module_{name}")});
            for name in module.spec.aliases.iter().chain([&module.spec.name]) {
                task.insert(name.clone(), arguments.clone());
            }
        }
    }
    let tasks = json!({"type": ["array", "null"], "items": {"$ref": "#/$defs/task"}});
    for name in ["block", "rescue", "always"] {
        task.insert(name.into(), tasks.clone());
    }
    let mut play = keywords(On::Play);
    for name in ["tasks", "pre_tasks", "post_tasks", "handlers", "verify"] {
        play.insert(name.into(), tasks.clone());
    }
    for name in ["hosts", "roles", "import_playbook", "ansible.builtin.import_playbook"] {
        play.entry(name).or_insert(json!({}));
    }
    let mut defs = Map::new();
    // Modules of collections and of library/ are not known here, so a task may have other keys.
    defs.insert("task".into(), json!({"type": "object", "properties": task}));
    defs.insert("play".into(), json!({"type": "object", "properties": play, "additionalProperties": false}));
    for name in registry().names() {
        if let Some(module) = registry().get(name) {
            defs.insert(format!("module_{name}"), module_schema(&module.spec));
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "fitout playbook",
        "oneOf": [
            {"type": "array", "items": {"$ref": "#/$defs/play"}},
            {"type": "array", "items": {"$ref": "#/$defs/task"}}
        ],
        "$defs": defs
    })
}

fn keywords(on: On) -> Map<String, Value> {
    names(on).map(|name| (name.to_string(), json!({}))).collect()
}

fn module_schema(spec: &ModuleSpec) -> Value {
    let mut properties = Map::new();
    for (name, arg) in &spec.args {
        let schema = argument(arg);
        for alias in &arg.aliases {
            properties.insert(alias.clone(), schema.clone());
        }
        properties.insert(name.clone(), schema);
    }
    let object = json!({"type": "object", "properties": properties, "additionalProperties": spec.open});
    json!({"description": spec.summary, "anyOf": [object, {"type": ["string", "null", "array"]}]})
}

fn argument(arg: &ArgSpec) -> Value {
    let mut schema = Map::new();
    schema.insert("description".into(), arg.doc.trim().into());
    if let Some(default) = &arg.default {
        schema.insert("default".into(), from_yaml(default).to_json());
    }
    if arg.deprecated.is_some() {
        schema.insert("deprecated".into(), true.into());
    }
    // Any value may be a template, which is text.
    let template = json!({"type": "string", "pattern": "\\{[{%]"});
    let value = if arg.choices.is_empty() {
        typed(arg)
    } else {
        let choices: Vec<Value> = arg.choices.iter().map(|c| from_yaml(c).to_json()).collect();
        match arg.kind {
            ArgType::List => json!({"type": ["array", "string"]}),
            _ => json!({"enum": choices}),
        }
    };
    schema.insert("anyOf".into(), json!([value, template]));
    Value::Object(schema)
}

fn typed(arg: &ArgSpec) -> Value {
    match arg.kind {
        ArgType::Bool => json!({"type": ["boolean", "string", "integer"]}),
        ArgType::Int => json!({"type": ["integer", "string"]}),
        ArgType::Float => json!({"type": ["number", "string"]}),
        ArgType::List => json!({"type": ["array", "string", "number", "object"]}),
        ArgType::Dict => json!({"type": ["object", "string"]}),
        ArgType::Raw | ArgType::Json => json!({}),
        ArgType::Str | ArgType::Path | ArgType::Mode | ArgType::Bytes => {
            json!({"type": ["string", "number", "boolean", "null"]})
        }
    }
}
