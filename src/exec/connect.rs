//! Which connection and which user a task runs with, from keywords, variables and the command line.

use super::options::HostKeys;
use super::scope::TaskScope;
use super::state::{Run, locked};
use super::unit::{Blocked, evaluated_flag, evaluated_text, unknown_inside};
use crate::base::{Secret, Value};
use crate::eval::{Level, Scope};
use crate::graph::TaskKeywords;
use crate::remote::{Become, BecomeMethod, Connection, HostKeyChecking, Remote, SshOptions, Target, connect};
use crate::syntax::inventory::LOCAL_NAMES;
use std::path::PathBuf;
use std::sync::Arc;

/// The connection to the task's host (or the one it is delegated to) and the user on it.
pub fn for_task(
    run: &Arc<Run>,
    keywords: &TaskKeywords,
    scope: &Arc<TaskScope>,
    delegate: Option<&str>,
) -> Result<(Arc<dyn Remote>, Become), Blocked> {
    let place = Place::new(run, keywords, scope, delegate)?;
    let target = target(&place)?;
    let who = place.who(target_user(&target).as_deref())?;
    Ok((pooled(run, target), who))
}

/// A connection that no other task shares.
pub fn separate(
    run: &Arc<Run>,
    keywords: &TaskKeywords,
    scope: &Arc<TaskScope>,
) -> Result<Arc<dyn Remote>, Blocked> {
    let delegate = evaluated_text(run, &keywords.delegate_to, scope)?;
    let place = Place::new(run, keywords, scope, delegate.as_deref())?;
    super::manner::with(run, keywords, scope, connect(target(&place)?))
}

/// The user a task becomes on its own host.
pub fn become_of(run: &Arc<Run>, keywords: &TaskKeywords, scope: &Arc<TaskScope>) -> Result<Become, Blocked> {
    let place = Place::new(run, keywords, scope, None)?;
    let user = place.keyword_or(&keywords.remote_user, "ansible_user")?;
    place.who(user.as_deref())
}

fn pooled(run: &Run, target: Target) -> Arc<dyn Remote> {
    let key = format!("{target:?}");
    let mut pool = locked(&run.connections);
    Arc::clone(pool.entry(key).or_insert_with(|| connect(target)))
}

/// The login user, where it is known.
fn target_user(target: &Target) -> Option<String> {
    match &target.connection {
        Connection::Ssh(ssh) => ssh.user.clone(),
        _ => rustix::process::getuid().is_root().then(|| "root".to_string()),
    }
}

/// A host as one task reaches it: names are read with that host's variables.
struct Place<'a> {
    run: &'a Arc<Run>,
    keywords: &'a TaskKeywords,
    scope: Arc<TaskScope>,
    vars: Arc<TaskScope>,
    host: String,
    /// Delegated to a host that no inventory knows.
    stranger: bool,
}

impl<'a> Place<'a> {
    fn new(
        run: &'a Arc<Run>,
        keywords: &'a TaskKeywords,
        scope: &Arc<TaskScope>,
        delegate: Option<&str>,
    ) -> Result<Self, Blocked> {
        let own = Arc::clone(scope);
        let (vars, host, stranger) = match delegate {
            None => (own, scope.host.to_string(), false),
            Some(host) if *host == *scope.host => (own, host.to_string(), false),
            Some(host) => {
                let stranger = scope.host(host).is_none();
                let mut other = super::world::any_host(scope, host);
                if stranger && LOCAL_NAMES.contains(&host) {
                    let local = [("ansible_connection".into(), Value::from("local"))].into_iter().collect();
                    other.layers.push(Level::InventoryHostVars, Arc::new(local));
                }
                // What the task itself says of its connection holds there, too.
                other.layers = other.layers.with_task(&scope.layers);
                (Arc::new(other), host.to_string(), stranger)
            }
        };
        Ok(Place { run, keywords, scope: Arc::clone(scope), vars, host, stranger })
    }

    /// A connection variable as text, evaluated in the host's own scope; what the task says, in that of its own host.
    fn var(&self, name: &str) -> Result<Option<String>, Blocked> {
        Ok(self.value(name)?.map(|v| crate::spec::to_text(&v)).filter(|s| !s.is_empty()))
    }

    fn value(&self, name: &str) -> Result<Option<Value>, Blocked> {
        let Some(raw) = self.vars.get(name) else { return Ok(None) };
        let of_task = self.vars.layers.find(name).is_some_and(|(level, _)| level.is_of_task());
        let scope = if of_task { &self.scope } else { &self.vars };
        let value = self.run.engine.evaluate(&raw, &**scope).map_err(|e| format!("{name}: {e}"))?;
        if let Some(why) = unknown_inside(&value) {
            return Err(Blocked::Unknown(why));
        }
        Ok(Some(value).filter(|v| !matches!(v, Value::Null | Value::Omit)))
    }

    fn secret(&self, names: &[&str]) -> Result<Option<Secret>, Blocked> {
        for name in names {
            match self.value(name)? {
                Some(Value::Secret(secret)) => return Ok(Some(secret)),
                Some(Value::Null) | None => {}
                Some(other) => {
                    let text = crate::spec::to_text(&other);
                    self.run.redactor.learn(&text);
                    return Ok(Some(Secret::new(text)));
                }
            }
        }
        Ok(None)
    }

    /// The variable wins over the keyword, as in Ansible.
    fn keyword_or(&self, keyword: &Option<Value>, name: &str) -> Result<Option<String>, Blocked> {
        match self.var(name)? {
            Some(value) => Ok(Some(value)),
            None => evaluated_text(self.run, keyword, &self.scope),
        }
    }

    fn who(&self, login: Option<&str>) -> Result<Become, Blocked> {
        let options = &self.run.options.become_options;
        let on = match self.value("ansible_become")? {
            Some(value) => crate::spec::to_bool(&value).unwrap_or(false),
            None => {
                evaluated_flag(self.run, &self.keywords.become_, &self.scope, options.on.unwrap_or(false))?
            }
        };
        if !on {
            return Ok(Become::No);
        }
        let user = self.keyword_or(&self.keywords.become_user, "ansible_become_user")?;
        let user = user.or_else(|| options.user.clone()).unwrap_or_else(|| "root".into());
        // Becoming whom one is already needs no sudo on the host.
        if login == Some(user.as_str()) {
            return Ok(Become::No);
        }
        let method = self.keyword_or(&self.keywords.become_method, "ansible_become_method")?;
        let method = method.or_else(|| options.method.clone()).unwrap_or_else(|| "sudo".into());
        let method = match method.rsplit('.').next().unwrap_or(&method) {
            "sudo" => BecomeMethod::Sudo,
            "su" => BecomeMethod::Su,
            "doas" => BecomeMethod::Doas,
            other => {
                return Err(format!("become_method `{other}` is not supported: use sudo, su or doas").into());
            }
        };
        let flags = self.keyword_or(&self.keywords.become_flags, "ansible_become_flags")?;
        let flags = flags.or_else(|| options.flags.clone()).unwrap_or_default();
        let exe = self.keyword_or(&self.keywords.become_exe, "ansible_become_exe")?;
        let exe = exe.or_else(|| options.exe.clone()).unwrap_or_default();
        Ok(Become::User { method, user: user.into(), flags: flags.into(), exe: exe.into() })
    }
}

fn target(place: &Place<'_>) -> Result<Target, Blocked> {
    let options = &place.run.options.connection;
    let local = LOCAL_NAMES.contains(&place.host.as_str());
    let implicit_local = local && (place.stranger || !super::world::is_listed(place.run, &place.host));
    let keyword = match place.stranger {
        true => place.var("ansible_connection")?,
        false => place.keyword_or(&place.keywords.connection, "ansible_connection")?,
    };
    let kind = match (keyword, implicit_local) {
        (Some(kind), _) => kind,
        (None, true) => "local".into(),
        (None, false) => options.kind.clone().unwrap_or_else(|| "ssh".into()),
    };
    let address =
        place.var("ansible_host")?.or(place.var("ansible_ssh_host")?).unwrap_or_else(|| place.host.clone());
    let connection = match kind.rsplit('.').next().unwrap_or(&kind) {
        "ssh" | "smart" | "paramiko" | "paramiko_ssh" | "openssh" => Connection::Ssh(ssh(place, address)?),
        "local" => Connection::Local,
        "chroot" => Connection::Chroot(PathBuf::from(address)),
        "nspawn" => Connection::Nspawn(address),
        other => {
            return Err(
                format!("connection `{other}` is not supported: use ssh, local, chroot or nspawn").into()
            );
        }
    };
    let mut target = Target::new(place.host.as_str(), connection);
    let passwords =
        ["ansible_become_password", "ansible_become_pass", "ansible_sudo_pass", "ansible_su_pass"];
    target.become_password =
        place.secret(&passwords)?.or_else(|| place.run.options.become_options.password.clone());
    if let Some(shell) = place.var("ansible_shell_executable")? {
        target.shell = shell;
    }
    target.connect_timeout = options.timeout;
    Ok(target)
}

fn ssh(place: &Place<'_>, address: String) -> Result<SshOptions, Blocked> {
    let options = &place.run.options.connection;
    let mut ssh = SshOptions::new(address);
    let port = match place.var("ansible_port")?.or(place.var("ansible_ssh_port")?) {
        Some(port) => Some(port),
        None => evaluated_text(place.run, &place.keywords.port, &place.scope)?,
    };
    ssh.port = match port {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| format!("ansible_port `{text}` is not a port number"))?),
    };
    ssh.user = match place.var("ansible_user")?.or(place.var("ansible_ssh_user")?) {
        Some(user) => Some(user),
        None => evaluated_text(place.run, &place.keywords.remote_user, &place.scope)?
            .or_else(|| options.remote_user.clone()),
    };
    let key = place.var("ansible_ssh_private_key_file")?.or(place.var("ansible_private_key_file")?);
    // ssh itself takes `~` for the folder that the password database says, not for $HOME.
    let key = key.map(|k| PathBuf::from(crate::eval::expanduser(&k)));
    ssh.private_key_file = key.or_else(|| options.private_key.clone());
    let common = place.var("ansible_ssh_common_args")?;
    let extra = place.var("ansible_ssh_extra_args")?;
    for text in [options.ssh_args.clone(), common, extra].into_iter().flatten() {
        let words = crate::base::words::split(&text).map_err(|e| format!("ssh arguments `{text}`: {e}"))?;
        ssh.args.extend(words);
    }
    let checking =
        match place.value("ansible_host_key_checking")?.or(place.value("ansible_ssh_host_key_checking")?) {
            Some(value) if crate::spec::to_bool(&value) == Some(false) => HostKeys::Off,
            _ => options.host_key_checking,
        };
    ssh.host_key_checking = match checking {
        HostKeys::Strict => HostKeyChecking::Config,
        HostKeys::AcceptNew => HostKeyChecking::AcceptNew,
        HostKeys::Off => HostKeyChecking::Off,
    };
    ssh.executable = place.var("ansible_ssh_executable")?;
    if let Some(keys) = place.value("fitout_host_keys")? {
        // Keys that were learnt of the machine by another way than the network.
        ssh.known_hosts = super::cloud::known_hosts(place.run, &place.host, &ssh, &keys)?;
        ssh.host_key_checking = HostKeyChecking::Strict;
    }
    Ok(ssh)
}
