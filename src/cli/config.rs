//! ansible.cfg and the ANSIBLE_* environment variables that people rely on.
//!
//! Precedence, as Ansible has it: flag, environment, file, default. The file is $ANSIBLE_CONFIG, else ./ansible.cfg,
//! else ~/.ansible.cfg, else /etc/ansible/ansible.cfg; the first that is there counts alone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The environment, as a function so that tests can have their own.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What ansible.cfg and the environment say, before flags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Paths, or one list of names with commas; empty: nothing is said.
    pub inventory: Vec<String>,
    /// Searched for roles beside what belongs to the playbook; empty: the usual places.
    pub roles_path: Vec<PathBuf>,
    /// Searched for collections; empty: the usual places.
    pub collections_path: Vec<PathBuf>,
    /// Folders with modules, as `library` names them.
    pub library: Vec<PathBuf>,
    /// Folders with Python plugins, by what they are (`filter`, `test`, `lookup`, `action`): named, never run.
    pub plugins: Vec<(&'static str, PathBuf)>,
    /// Whether a failure on one host ends a play on all of them where the play does not say.
    pub any_errors_fatal: bool,
    /// Whether tasks are hidden that do not say so.
    pub no_log: bool,
    /// Where `fitout playbook` writes what it shows, too.
    pub log_path: Option<PathBuf>,
    /// Whether only plays gather facts that say so.
    pub gathers_when_told: bool,
    /// Whom to log in as.
    pub remote_user: Option<String>,
    /// The key to log in with.
    pub private_key: Option<PathBuf>,
    /// False: no key of a host is held against the known ones; `None` and true: ssh decides.
    pub host_key_checking: Option<bool>,
    /// A file with the password, or a program that says it.
    pub vault_password_file: Option<PathBuf>,
    /// As `--vault-id` takes them: `label@source`.
    pub vault_identities: Vec<String>,
    /// Hosts worked on at a time.
    pub forks: Option<usize>,
    /// Seconds.
    pub timeout: Option<u64>,
    /// How hosts are reached (`ssh`, `local`); `smart` is as good as nothing.
    pub transport: Option<String>,
    /// Of three keys, with blanks between, as ssh's command line has them.
    pub ssh_args: Option<String>,
    /// Whether all tasks become another user that do not say it.
    pub become_: Option<bool>,
    /// `sudo`, `su` or `doas`.
    pub become_method: Option<String>,
    /// Whom to become.
    pub become_user: Option<String>,
    /// Options for the method's command.
    pub become_flags: Option<String>,
    /// The method's command, where it is not the method's name.
    pub become_exe: Option<String>,
    /// A file with the password to become another user.
    pub become_password_file: Option<PathBuf>,
    /// Notified handlers run on hosts that failed too.
    pub force_handlers: bool,
    /// Differences are shown.
    pub diff: bool,
    /// No colours, also on a terminal.
    pub nocolor: bool,
    /// As `-t`, where that is not given.
    pub tags: Vec<String>,
    /// As `--skip-tags`, where that is not given.
    pub skip_tags: Vec<String>,
    /// What could not be used, in a user's words.
    pub warnings: Vec<String>,
}

/// One `section.key` of the file with the variables that stand above it.
struct Reader<'a> {
    env: Env<'a>,
    values: HashMap<(String, String), String>,
    /// Paths in the file are relative to it.
    base: PathBuf,
    cwd: PathBuf,
    warnings: Vec<String>,
}

/// Reads the configuration that counts in `cwd`.
pub fn read(cwd: &Path, env: Env) -> Result<Config, String> {
    let mut warnings = Vec::new();
    let file = find(cwd, env, &mut warnings)?;
    let values = match &file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
            parse(&text).map_err(|e| format!("{}:{e}", path.display()))?
        }
        None => HashMap::new(),
    };
    let base = file.as_deref().and_then(Path::parent).unwrap_or(cwd).to_path_buf();
    let mut reader = Reader { env, values, base, cwd: cwd.to_path_buf(), warnings };
    if reader.text("ANSIBLE_HASH_BEHAVIOUR", "defaults", "hash_behaviour").as_deref() == Some("merge") {
        return Err(
            "hash_behaviour = merge is not supported: a variable replaces those of the same name at lower \
                    levels\nhint: merge where it is wanted, with the filter `combine`"
                .into(),
        );
    }
    let mut config = fill(&mut reader);
    config.file = file;
    config.warnings = reader.warnings;
    Ok(config)
}

fn plugins(r: &mut Reader) -> Vec<(&'static str, PathBuf)> {
    let kinds = [
        ("filter", "ANSIBLE_FILTER_PLUGINS", "filter_plugins"),
        ("test", "ANSIBLE_TEST_PLUGINS", "test_plugins"),
        ("lookup", "ANSIBLE_LOOKUP_PLUGINS", "lookup_plugins"),
        ("action", "ANSIBLE_ACTION_PLUGINS", "action_plugins"),
    ];
    let of_kind = |(kind, env, key)| r.paths(env, "defaults", key).into_iter().map(move |path| (kind, path));
    kinds.into_iter().flat_map(of_kind).collect()
}

fn fill(r: &mut Reader) -> Config {
    let mut ssh_args: Vec<String> =
        r.text("ANSIBLE_SSH_ARGS", "ssh_connection", "ssh_args").into_iter().collect();
    ssh_args.extend(r.text("ANSIBLE_SSH_COMMON_ARGS", "ssh_connection", "ssh_common_args"));
    ssh_args.extend(r.text("ANSIBLE_SSH_EXTRA_ARGS", "ssh_connection", "ssh_extra_args"));
    Config {
        file: None,
        inventory: r.inventory(),
        roles_path: r.paths("ANSIBLE_ROLES_PATH", "defaults", "roles_path"),
        collections_path: match r.paths("ANSIBLE_COLLECTIONS_PATH", "defaults", "collections_path") {
            paths if paths.is_empty() => {
                r.paths("ANSIBLE_COLLECTIONS_PATHS", "defaults", "collections_paths")
            }
            paths => paths,
        },
        library: r.paths("ANSIBLE_LIBRARY", "defaults", "library"),
        plugins: plugins(r),
        any_errors_fatal: r.flag("ANSIBLE_ANY_ERRORS_FATAL", "defaults", "any_errors_fatal").unwrap_or(false),
        no_log: r.flag("ANSIBLE_NO_LOG", "defaults", "no_log").unwrap_or(false),
        log_path: r.path("ANSIBLE_LOG_PATH", "defaults", "log_path"),
        gathers_when_told: r.text("ANSIBLE_GATHERING", "defaults", "gathering").as_deref()
            == Some("explicit"),
        remote_user: r.text("ANSIBLE_REMOTE_USER", "defaults", "remote_user"),
        private_key: r.path("ANSIBLE_PRIVATE_KEY_FILE", "defaults", "private_key_file"),
        host_key_checking: r
            .flag("ANSIBLE_HOST_KEY_CHECKING", "defaults", "host_key_checking")
            .or_else(|| r.flag("ANSIBLE_SSH_HOST_KEY_CHECKING", "ssh_connection", "host_key_checking")),
        vault_password_file: r.path("ANSIBLE_VAULT_PASSWORD_FILE", "defaults", "vault_password_file"),
        vault_identities: r.list("ANSIBLE_VAULT_IDENTITY_LIST", "defaults", "vault_identity_list"),
        forks: r.number("ANSIBLE_FORKS", "defaults", "forks"),
        timeout: r
            .number("ANSIBLE_TIMEOUT", "defaults", "timeout")
            .or_else(|| r.number("ANSIBLE_SSH_TIMEOUT", "ssh_connection", "timeout")),
        transport: r.text("ANSIBLE_TRANSPORT", "defaults", "transport").filter(|t| t != "smart"),
        ssh_args: Some(ssh_args.join(" ")).filter(|a| !a.is_empty()),
        become_: r.flag("ANSIBLE_BECOME", "privilege_escalation", "become"),
        become_method: r.text("ANSIBLE_BECOME_METHOD", "privilege_escalation", "become_method"),
        become_user: r.text("ANSIBLE_BECOME_USER", "privilege_escalation", "become_user"),
        become_flags: r.text("ANSIBLE_BECOME_FLAGS", "privilege_escalation", "become_flags"),
        become_exe: r.text("ANSIBLE_BECOME_EXE", "privilege_escalation", "become_exe"),
        become_password_file: r.path("ANSIBLE_BECOME_PASSWORD_FILE", "defaults", "become_password_file"),
        force_handlers: r.flag("ANSIBLE_FORCE_HANDLERS", "defaults", "force_handlers").unwrap_or(false),
        diff: r.flag("ANSIBLE_DIFF_ALWAYS", "diff", "always").unwrap_or(false),
        nocolor: r.flag("ANSIBLE_NOCOLOR", "defaults", "nocolor").unwrap_or(false),
        tags: r.list("ANSIBLE_RUN_TAGS", "tags", "run"),
        skip_tags: r.list("ANSIBLE_SKIP_TAGS", "tags", "skip"),
        warnings: Vec::new(),
    }
}

fn find(cwd: &Path, env: Env, warnings: &mut Vec<String>) -> Result<Option<PathBuf>, String> {
    if let Some(given) = env("ANSIBLE_CONFIG").filter(|v| !v.is_empty()) {
        let mut path = expand(&given, cwd, env);
        if path.is_dir() {
            path.push("ansible.cfg");
        }
        // As Ansible: a name that is not there is passed over.
        if path.is_file() {
            return Ok(Some(path));
        }
    }
    let here = cwd.join("ansible.cfg");
    if here.is_file() {
        if !open_to_all(cwd) {
            return Ok(Some(here));
        }
        warnings.push(format!("{} is ignored: anyone may write to its folder", here.display()));
    }
    let home = env("HOME").map(|h| PathBuf::from(h).join(".ansible.cfg"));
    Ok(home.into_iter().chain([PathBuf::from("/etc/ansible/ansible.cfg")]).find(|p| p.is_file()))
}

fn open_to_all(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(folder).is_ok_and(|m| m.permissions().mode() & 0o002 != 0)
}

/// INI as Python's configparser reads it; the error begins with the line's number.
fn parse(text: &str) -> Result<HashMap<(String, String), String>, String> {
    let mut values = HashMap::new();
    let mut section = String::new();
    let mut last: Option<(String, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let bare = line.split(" ;").next().unwrap_or_default();
        let trimmed = bare.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if bare.starts_with([' ', '\t'])
            && let Some(value) = last.as_ref().and_then(|key| values.get_mut(key))
        {
            let value: &mut String = value;
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
            section = name.trim().to_string();
            last = None;
            continue;
        }
        let Some((key, value)) = trimmed.split_once(['=', ':']) else {
            return Err(format!("{}: neither [section] nor key = value: `{trimmed}`", number + 1));
        };
        let key = (section.clone(), key.trim().to_ascii_lowercase());
        values.insert(key.clone(), value.trim().to_string());
        last = Some(key);
    }
    Ok(values)
}

fn expand(text: &str, base: &Path, env: Env) -> PathBuf {
    let text = text.trim().trim_matches(['"', '\'']);
    match (text.strip_prefix("~/"), env("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => base.join(text),
    }
}

impl Reader<'_> {
    /// The value, and the folder that paths in it are relative to.
    fn find(&self, variable: &str, section: &str, key: &str) -> Option<(String, PathBuf)> {
        if let Some(value) = (self.env)(variable).filter(|v| !v.is_empty()) {
            return Some((value, self.cwd.clone()));
        }
        let value = self.values.get(&(section.to_string(), key.to_string()))?;
        (!value.is_empty()).then(|| (value.clone(), self.base.clone()))
    }

    fn text(&self, variable: &str, section: &str, key: &str) -> Option<String> {
        self.find(variable, section, key).map(|(v, _)| v.trim_matches(['"', '\'']).to_string())
    }

    fn flag(&mut self, variable: &str, section: &str, key: &str) -> Option<bool> {
        let value = self.text(variable, section, key)?;
        match value.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" | "y" | "t" => Some(true),
            "0" | "false" | "no" | "off" | "n" | "f" => Some(false),
            _ => {
                self.warnings
                    .push(format!("{variable} / [{section}] {key}: `{value}` is neither true nor false"));
                None
            }
        }
    }

    fn number<T: std::str::FromStr>(&mut self, variable: &str, section: &str, key: &str) -> Option<T> {
        let value = self.text(variable, section, key)?;
        let number = value.parse().ok();
        if number.is_none() {
            self.warnings.push(format!("{variable} / [{section}] {key}: `{value}` is no number"));
        }
        number
    }

    fn path(&self, variable: &str, section: &str, key: &str) -> Option<PathBuf> {
        self.find(variable, section, key).map(|(v, base)| expand(&v, &base, self.env))
    }

    fn paths(&self, variable: &str, section: &str, key: &str) -> Vec<PathBuf> {
        let Some((value, base)) = self.find(variable, section, key) else { return Vec::new() };
        value.split(':').filter(|p| !p.trim().is_empty()).map(|p| expand(p, &base, self.env)).collect()
    }

    fn list(&self, variable: &str, section: &str, key: &str) -> Vec<String> {
        let text = self.text(variable, section, key).unwrap_or_default();
        text.split(',').map(|w| w.trim().to_string()).filter(|w| !w.is_empty()).collect()
    }

    /// Paths are made whole; a host list (`a,b,`) stays as it is.
    fn inventory(&self) -> Vec<String> {
        let Some((value, base)) = self.find("ANSIBLE_INVENTORY", "defaults", "inventory") else {
            return Vec::new();
        };
        let path = |w: &str| expand(w, &base, self.env).display().to_string();
        if value.contains(',')
            && value.split(',').all(|w| !expand(w, &base, self.env).exists() || w.trim().is_empty())
        {
            return vec![value];
        }
        value.split(',').map(str::trim).filter(|w| !w.is_empty()).map(path).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str, vars: &[(&str, &str)]) -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ansible.cfg"), text).unwrap();
        let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string());
        let config = read(dir.path(), &env).unwrap();
        (dir, config)
    }

    #[test]
    fn the_file_is_read_and_its_paths_are_relative_to_it() {
        let text = "[defaults]\ninventory = hosts.ini ; mine\nroles_path=roles:~/r\nforks: 7\nhost_key_checking = False\n\
                    any_errors_fatal = true\nfilter_plugins = plugins/own:other\n# note\n[privilege_escalation]\nbecome=yes\nbecome_user = deploy\n[ssh_connection]\n\
                    ssh_args = -o A=b\n  -o C=d\n";
        let (dir, config) = config(text, &[("HOME", "/h")]);
        assert_eq!(config.inventory, [dir.path().join("hosts.ini").display().to_string()]);
        assert_eq!(config.roles_path, [dir.path().join("roles"), "/h/r".into()]);
        assert_eq!(
            (config.forks, config.host_key_checking, config.become_),
            (Some(7), Some(false), Some(true))
        );
        assert_eq!(config.become_user.as_deref(), Some("deploy"));
        assert!(config.any_errors_fatal);
        let filters = ["plugins/own", "other"].map(|path| ("filter", dir.path().join(path)));
        assert_eq!(config.plugins, filters);
        assert_eq!(config.ssh_args.as_deref(), Some("-o A=b\n-o C=d"));
        assert_eq!(config.file, Some(dir.path().join("ansible.cfg")));
    }

    #[test]
    fn what_changes_the_meaning_of_variables_is_refused() {
        let env = |name: &str| (name == "ANSIBLE_HASH_BEHAVIOUR").then(|| "merge".to_string());
        let why = read(Path::new("/nowhere"), &env).unwrap_err();
        assert!(why.contains("`combine`"), "{why}");
        let (_dir, config) = config("[defaults]\nhash_behaviour = replace\ngathering = explicit\n", &[]);
        assert!(config.gathers_when_told);
    }

    #[test]
    fn the_environment_stands_above_the_file() {
        let vars = [("ANSIBLE_FORKS", "3"), ("ANSIBLE_INVENTORY", "a,b,"), ("ANSIBLE_TIMEOUT", "soon")];
        let (_dir, config) = config("[defaults]\nforks=9\ninventory=x\ntimeout=4\n", &vars);
        assert_eq!((config.forks, config.inventory.as_slice()), (Some(3), &["a,b,".to_string()][..]));
        assert_eq!(config.timeout, None);
        assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    }

    #[test]
    fn a_named_file_stands_above_the_one_here() {
        let other = tempfile::tempdir().unwrap();
        let path = other.path().join("x.cfg");
        std::fs::write(&path, "[defaults]\nforks=2\n").unwrap();
        let (_dir, config) = config("[defaults]\nforks=9\n", &[("ANSIBLE_CONFIG", path.to_str().unwrap())]);
        assert_eq!(config.forks, Some(2));
    }

    #[test]
    fn a_line_that_says_nothing_is_an_error_with_its_number() {
        let error = parse("[defaults]\nforks\n").unwrap_err();
        assert!(error.starts_with("2: "), "{error}");
    }

    #[test]
    fn a_folder_that_anyone_may_write_to_is_not_trusted() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ansible.cfg"), "[defaults]\nforks=9\n").unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let config = read(dir.path(), &|_| None).unwrap();
        assert_eq!(config.forks, None);
        assert!(config.warnings[0].contains("ignored"), "{:?}", config.warnings);
    }
}
