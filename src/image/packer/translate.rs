//! A template as the text of a playbook, which is compiled as any other.

use super::model::{FIELD, Part, Template, text_of};
use super::options;
use super::provision::{self, Step};
use super::stage::Stage;
use crate::base::{Diag, Diags, Value};
use serde_yaml::value::{Tag, TaggedValue};
use serde_yaml::{Mapping, Value as Yaml};

/// A translated template.
#[derive(Clone, Debug)]
pub struct Translated {
    /// YAML. Holds the values of sensitive variables where the template uses them: it is for the compiler, and is
    /// printed by [`Translated::shown`].
    pub playbook: String,
    /// Values of sensitive variables, to be kept out of every output.
    pub secrets: Vec<String>,
    /// Folders that the playbook names; they are there as long as this is.
    pub stages: Vec<Stage>,
}

impl Translated {
    /// The playbook without the names of its folders, which are others at each run.
    pub fn lasting(&self) -> String {
        let stages = self.stages.iter().map(|stage| stage.path().display().to_string());
        stages
            .enumerate()
            .fold(self.playbook.clone(), |text, (n, path)| text.replace(&path, &format!("stage-{n}")))
    }

    /// The playbook with sensitive values hidden.
    pub fn shown(&self) -> String {
        let hide = |text: String, secret: &String| text.replace(secret, crate::base::HIDDEN);
        self.secrets.iter().fold(self.playbook.clone(), hide)
    }
}

/// One task of the playbook to be.
pub struct Task {
    map: Mapping,
    vars: Mapping,
    /// Its texts are kept out of every output.
    pub secret: bool,
}

impl Task {
    pub fn new(name: String) -> Task {
        let mut map = Mapping::new();
        map.insert("name".into(), text(&name));
        Task { map, vars: Mapping::new(), secret: false }
    }

    pub fn module(&mut self, name: &str, arguments: Vec<(&str, Yaml)>) {
        let arguments: Mapping = arguments.into_iter().map(|(k, v)| (k.into(), v)).collect();
        self.map.insert(name.into(), arguments.into());
    }

    pub fn set(&mut self, keyword: &str, value: Yaml) {
        self.map.insert(keyword.into(), value);
    }

    pub fn var(&mut self, name: &str, value: Yaml) {
        self.vars.insert(name.into(), value);
    }

    fn finish(mut self, condition: Option<&str>, secrets: &[String]) -> Yaml {
        if !self.vars.is_empty() {
            self.map.insert("vars".into(), self.vars.into());
        }
        if let Some(condition) = condition {
            self.map.insert("when".into(), condition.into());
        }
        let written = serde_yaml::to_string(&self.map).unwrap_or_default();
        if self.secret || secrets.iter().any(|s| written.contains(s.as_str())) {
            // A name is shown whatever `no_log` says.
            self.map.insert("name".into(), "a step with secrets".into());
            self.map.insert("no_log".into(), true.into());
        }
        self.map.into()
    }
}

/// Jinja for the fields of a build that templates refer to.
const FIELDS: [(&str, &str); 12] = [
    ("SourceAMI", "fitout_image.source.id"),
    ("SourceAMIName", "fitout_image.source.name"),
    ("SourceAMIOwner", "fitout_image.source.owner"),
    ("SourceAMICreationDate", "fitout_image.source.created"),
    ("SourceAMITags", "fitout_image.source.tags"),
    ("BuildRegion", "fitout_image.region"),
    ("ID", "fitout_image.instance"),
    ("Host", "ansible_host"),
    ("User", "ansible_user"),
    ("Port", "ansible_port"),
    ("ConnType", "ansible_connection"),
    ("PackerRunUUID", "fitout_image.run"),
];

/// A text of the template as YAML: what is known only in the build becomes Jinja, what looks like Jinja does not.
pub fn text(given: &str) -> Yaml {
    if given.contains(FIELD.0) {
        let escaped = given.replace("{{", "{{ '{{' }}").replace("{%", "{{ '{%' }}");
        let mut out = String::new();
        for (at, part) in escaped.split(FIELD.0).enumerate() {
            match part.split_once(FIELD.1).filter(|_| at > 0) {
                Some((name, after)) => {
                    let jinja = FIELDS.iter().find(|(f, _)| *f == name).map(|(_, j)| *j);
                    out.push_str(&format!("{{{{ {} }}}}{after}", jinja.unwrap_or(name)));
                }
                None => out.push_str(part),
            }
        }
        return out.into();
    }
    if ["{{", "{%", "{#"].iter().any(|mark| given.contains(mark)) {
        return Yaml::Tagged(Box::new(TaggedValue { tag: Tag::new("unsafe"), value: given.into() }));
    }
    given.into()
}

fn yaml(value: &Value) -> Yaml {
    match value {
        Value::Null => Yaml::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => (*i).into(),
        Value::Float(f) => (*f).into(),
        Value::List(items) => items.iter().map(yaml).collect::<Vec<_>>().into(),
        Value::Map(map) => {
            map.iter().map(|(k, v)| (Yaml::from(k.to_string()), yaml(v))).collect::<Mapping>().into()
        }
        other => text(&text_of(other)),
    }
}

/// The playbook of a template. Findings are about what is not supported.
pub fn translate(template: &Template, diags: &mut Diags) -> Option<Translated> {
    options::check(&template.builders, &template.provisioners, &template.post_processors, diags);
    let (mut plays, mut stages): (Vec<Yaml>, Vec<Stage>) = (Vec::new(), Vec::new());
    let mut tasks: Vec<Yaml> = Vec::new();
    let mut image = Some(image(template));
    for part in &template.provisioners {
        let steps = match provision::steps(part) {
            Ok(steps) => steps,
            Err(message) => {
                diags.push(Diag::error("packer-invalid", part.span, message));
                continue;
            }
        };
        let Some(condition) = condition(template, part) else { continue };
        if let Some(diag) = another_user(template, part) {
            diags.push(diag);
        }
        for step in steps {
            match step {
                Step::Tasks(all) => {
                    tasks.extend(all.into_iter().map(|t| t.finish(condition.as_deref(), &template.secrets)));
                }
                Step::Playbook { file, vars, stage } => {
                    if image.is_some() || !tasks.is_empty() {
                        plays.push(play(image.take(), std::mem::take(&mut tasks)));
                    }
                    plays.push(imported(&file, vars, condition.as_deref()));
                    stages.extend(stage);
                }
            }
        }
    }
    if image.is_some() || !tasks.is_empty() {
        plays.push(play(image.take(), tasks));
    }
    let playbook = serde_yaml::to_string(&plays).ok()?;
    (!diags.has_errors()).then(|| Translated { playbook, secrets: template.secrets.clone(), stages })
}

/// What Packer tells scripts of itself. There is no server of files.
const OWN_ENVIRONMENT: [(&str, &str); 3] = [
    ("PACKER_BUILD_NAME", "{{ fitout_image.build }}"),
    ("PACKER_BUILDER_TYPE", "amazon-ebs"),
    ("PACKER_HTTP_ADDR", ""),
];

const SCRIPTS: [&str; 2] = ["ansible.builtin.shell", "ansible.builtin.script"];

fn play(image: Option<Mapping>, tasks: Vec<Yaml>) -> Yaml {
    let mut map = Mapping::new();
    map.insert("hosts".into(), "all".into());
    map.insert("gather_facts".into(), false.into());
    if let Some(image) = image {
        map.insert("image".into(), image.into());
    }
    let runs = |task: &Yaml| SCRIPTS.iter().any(|module| task.get(*module).is_some());
    if tasks.iter().any(runs) {
        let pairs = OWN_ENVIRONMENT.iter().map(|(name, value)| (Yaml::from(*name), Yaml::from(*value)));
        map.insert("environment".into(), pairs.collect::<Mapping>().into());
    }
    map.insert("tasks".into(), tasks.into());
    map.into()
}

fn imported(file: &str, vars: Mapping, condition: Option<&str>) -> Yaml {
    let mut map = Mapping::new();
    map.insert("import_playbook".into(), text(file));
    if !vars.is_empty() {
        map.insert("vars".into(), vars.into());
    }
    if let Some(condition) = condition {
        map.insert("when".into(), condition.into());
    }
    map.into()
}

/// `user` of ansible: the login is the builder's, as it is through Packer's proxy, and plays see it as `ansible_user`.
fn another_user(template: &Template, part: &Part) -> Option<Diag> {
    let setting = part.get("user").filter(|_| part.kind == "ansible")?;
    let user = part.text("user").filter(|user| !user.is_empty())?;
    let served = template.builders.iter().filter(|b| part.serves(b));
    let other = served.filter_map(|b| b.text("ssh_username")).find(|name| *name != user)?;
    let message = format!("`user` of ansible is `{user}`, and the login is the builder's `{other}`");
    let diag = Diag::error("packer-unsupported", setting.span, message);
    Some(diag.hint("take it out, or set `ssh_username`; `ansible_user` is that"))
}

/// When a provisioner is for some builders only. `None`: it is for no builder.
fn condition(template: &Template, part: &Part) -> Option<Option<String>> {
    let Some(names) = names(template, part) else { return Some(None) };
    let names: Vec<String> = names.iter().map(|name| format!("'{}'", name.replace('\'', "\\'"))).collect();
    (!names.is_empty()).then(|| Some(format!("fitout_image.builder in [{}]", names.join(", "))))
}

/// The builders that a step is for; `None`: all.
fn names<'t>(template: &'t Template, part: &Part) -> Option<Vec<&'t str>> {
    let served: Vec<&Part> = template.builders.iter().filter(|b| part.serves(b)).collect();
    (served.len() < template.builders.len()).then(|| served.iter().map(|b| b.name.as_str()).collect())
}

fn image(template: &Template) -> Mapping {
    let mut map = Mapping::new();
    let local = template.provisioners.iter().any(|p| p.kind == "ansible-local");
    // For ansible-local the host is `localhost`: it was meant to run there.
    let alias = template.provisioners.iter().find_map(|p| p.text("host_alias"));
    let host = if local { "localhost".into() } else { alias.unwrap_or_else(|| "default".into()) };
    map.insert("host".into(), text(&host));
    let mut groups: Vec<String> = template.provisioners.iter().flat_map(provision::groups).collect();
    if local {
        // The name that ansible-local's own inventory gives the host.
        groups.push("127.0.0.1".into());
    }
    groups.sort();
    groups.dedup();
    map.insert("groups".into(), groups.iter().map(|g| text(g)).collect::<Vec<_>>().into());
    let builders = template.builders.iter().map(builder).collect::<Vec<_>>();
    map.insert("builders".into(), builders.into());
    // As Packer leaves the image: what it cleans is up to the template, but for identities.
    map.insert("verify".into(), false.into());
    let keep = ["apt_lists", "engine", "leases", "logs", "temporary"].map(Yaml::from).to_vec();
    map.insert("keep".into(), keep.into());
    let manifests = template.post_processors.iter().filter(|p| p.kind == "manifest");
    map.insert("packer_manifest".into(), manifests.map(|p| manifest(template, p)).collect::<Vec<_>>().into());
    map.retain(|_, value| !provision::is_empty(value));
    map
}

/// A post-processor's options, and the builders it is for where these are not all.
fn manifest(template: &Template, part: &Part) -> Yaml {
    let named = |(name, setting): (&String, &super::model::Setting)| {
        (Yaml::from(name.as_str()), yaml(&setting.value))
    };
    let mut manifest: Mapping = part.options.iter().map(named).collect();
    manifest.entry("output".into()).or_insert("packer-manifest.json".into());
    if let Some(names) = names(template, part) {
        manifest.insert("builders".into(), names.iter().map(|name| text(name)).collect::<Vec<_>>().into());
    }
    manifest.into()
}

fn builder(part: &Part) -> Yaml {
    let mut map = Mapping::new();
    map.insert("type".into(), part.kind.as_str().into());
    map.insert("name".into(), text(&part.name));
    if let Some(also) = &part.also {
        map.insert("also".into(), text(also));
    }
    if let Some(source) = &part.source {
        map.insert("build_name".into(), text(source));
    }
    for (name, setting) in part.options.iter().filter(|(name, _)| *name != "name") {
        map.insert(name.as_str().into(), yaml(&setting.value));
    }
    map.into()
}

#[cfg(test)]
mod tests;
