//! With whose credentials, where and at which address: what a task, the environment and profiles say.

use super::error::CallError;
use aws_config::profile;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_ec2::config::{Credentials, ProvideCredentials, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_types::os_shim_internal::{Env, Fs};
use std::path::PathBuf;
use std::time::Duration;

/// What is not given is as the environment and the profile say. Equal ones share an account's connection.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// Of the user's AWS configuration; `None`: `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
    /// `None`: `AWS_REGION`, else the profile's, else the machine's own.
    pub region: Option<String>,
    /// Only together with `secret_key`; no profile's credentials are read then.
    pub access_key: Option<String>,
    /// Only together with `access_key`.
    pub secret_key: Option<String>,
    /// Of temporary keys.
    pub session_token: Option<String>,
    /// A URL that is asked instead of the services' own, for all of them.
    pub endpoint: Option<String>,
    /// Certificates to trust instead of the system's.
    pub ca_bundle: Option<PathBuf>,
    /// To be assumed with the credentials that all else leads to; its own are renewed as long as it takes.
    pub role: Option<Role>,
}

/// A role to assume.
#[derive(Clone, Default, Debug, PartialEq, Eq, Hash)]
pub struct Role {
    /// `arn:aws:iam::ACCOUNT:role/NAME`
    pub arn: String,
    /// Its sessions' name in the service's logs; `None`: `fitout`.
    pub session: Option<String>,
    /// What the role's trust may insist on.
    pub external_id: Option<String>,
    /// Of a session, until it is renewed; `None`: the service's default.
    pub duration: Option<Duration>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Access { profile, region, endpoint, .. } = self;
        write!(f, "Access({profile:?}, {region:?}, {endpoint:?})")
    }
}

/// One attempt: a silent server must not hold a run for ever. Calls are repeated, so it can be short.
const ATTEMPT: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(4);

impl Access {
    /// The configuration of all clients; its credentials and region are there, or the error says what was looked
    /// for.
    pub async fn config(&self) -> Result<SdkConfig, CallError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(self.http()?)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts());
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &self.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        match (&self.access_key, &self.secret_key) {
            (Some(key), Some(secret)) => {
                let token = self.session_token.clone();
                loader = loader.credentials_provider(Credentials::new(key, secret, token, None, "task"));
            }
            (None, None) => {
                if let Some(role) = self.of_profile().await? {
                    loader = loader.credentials_provider(role);
                }
            }
            _ => return Err(CallError::own("AWS", "`access_key` and `secret_key` need each other")),
        }
        let mut config = loader.load().await;
        if let Some(role) = &self.role {
            let assumed = role.provider(&config).await;
            config =
                config.into_builder().credentials_provider(SharedCredentialsProvider::new(assumed)).build();
        }
        self.check(&config).await?;
        Ok(config)
    }

    /// A profile that is named has to be there. Where it has `mfa_serial`, its role is assumed here; keys in the
    /// environment come before a profile that the task does not name.
    async fn of_profile(&self) -> Result<Option<Credentials>, CallError> {
        let (fs, env, files) = (Fs::real(), Env::real(), EnvConfigFiles::default());
        // What is wrong with the files is for the SDK to say.
        let Ok(profiles) = profile::load(&fs, &env, &files, None).await else { return Ok(None) };
        let name = self.profile_name();
        if name != "default" && profiles.get_profile(&name).is_none() {
            let mut there: Vec<&str> = profiles.profiles().collect();
            there.sort_unstable();
            let there = if there.is_empty() { "none is".to_string() } else { there.join(", ") };
            let message = format!("there is no profile `{name}` in {}; there: {there}", self::files());
            return Err(CallError::own("AWS", message));
        }
        if self.profile.is_none() && std::env::var_os("AWS_ACCESS_KEY_ID").is_some() {
            return Ok(None);
        }
        let region = self.region.clone().map(Region::new);
        super::second_factor::credentials(&name, &profiles, region, self.http()?).await
    }

    async fn check(&self, config: &SdkConfig) -> Result<(), CallError> {
        let profile = self.profile_name();
        if config.region().is_none() {
            let message = format!(
                "no region is known; looked for the argument `region`, AWS_REGION and AWS_DEFAULT_REGION, `region` of \
                 the profile `{profile}` in {}, and the instance metadata service\nhint: give the task `region:`, or the \
                 command --region where it has that, or set AWS_REGION",
                files()
            );
            return Err(CallError::own("AWS", message));
        }
        let Some(provider) = config.credentials_provider() else {
            return Err(CallError::own("AWS", no_credentials(&profile, "nothing provides any")));
        };
        provider.provide_credentials().await.map(drop).map_err(|e| {
            CallError::own("AWS", no_credentials(&profile, &reason(&DisplayErrorContext(e).to_string())))
        })
    }

    fn profile_name(&self) -> String {
        let given = self.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
        given.unwrap_or_else(|| "default".into())
    }

    fn http(&self) -> Result<SharedHttpClient, CallError> {
        let bundle = self.ca_bundle.clone().or_else(|| std::env::var_os("AWS_CA_BUNDLE").map(PathBuf::from));
        let provider = Provider::Rustls(CryptoMode::Ring);
        let Some(path) = bundle else { return Ok(Builder::new().tls_provider(provider).build_https()) };
        let wrong = |e: &dyn std::fmt::Display| {
            CallError::own("AWS", format!("the certificates in {} cannot be used: {e}", path.display()))
        };
        let pem = std::fs::read(&path).map_err(|e| wrong(&e))?;
        let trust = TrustStore::empty().with_pem_certificate(pem);
        let context = TlsContext::builder().with_trust_store(trust).build().map_err(|e| wrong(&e))?;
        Ok(Builder::new().tls_provider(provider).tls_context(context).build_https())
    }
}

impl Role {
    async fn provider(&self, config: &SdkConfig) -> AssumeRoleProvider {
        let mut provider = AssumeRoleProvider::builder(&self.arn)
            .configure(config)
            .session_name(self.session.as_deref().unwrap_or("fitout"));
        if let Some(id) = &self.external_id {
            provider = provider.external_id(id);
        }
        if let Some(duration) = self.duration {
            provider = provider.session_length(duration);
        }
        provider.build().await
    }
}

pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(ATTEMPT)
        .operation_attempt_timeout(ATTEMPT)
        .build()
}

fn no_credentials(profile: &str, why: &str) -> String {
    format!(
        "no credentials; looked for the arguments `access_key` and `secret_key`, AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, the profile `{profile}` in {} (keys, SSO, an assumed role, `credential_process`), \
         AWS_WEB_IDENTITY_TOKEN_FILE, the container's and the instance's role\nfound: {why}\nhint: {}",
        files(),
        advice(profile, why)
    )
}

fn advice(profile: &str, why: &str) -> String {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    match (set(keys[0]), set(keys[1])) {
        (true, false) => format!("{} is set, {} is not", keys[0], keys[1]),
        (false, true) => format!("{} is set, {} is not", keys[1], keys[0]),
        _ if why.contains("SSO") => format!("log in: `aws sso login --profile {profile}`"),
        _ => "set AWS_PROFILE, or give the task a `profile`".into(),
    }
}

/// The files that profiles are read from.
fn files() -> String {
    let of = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.into());
    format!(
        "{} and {}",
        of("AWS_CONFIG_FILE", "~/.aws/config"),
        of("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    )
}

/// The chain of causes on one line, without what they have in common and the debugging output behind it.
fn reason(text: &str) -> String {
    let text = text.split(" (").next().unwrap_or(text);
    let text = ["the credential provider was not enabled: ", "an error occurred while loading credentials: "]
        .iter()
        .fold(text.to_string(), |text, words| text.replace(words, ""));
    let text = text.replace("no credentials found in chain. Attempted:\n", "");
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_short() {
        let chain = "the credential provider was not enabled: no credentials found in chain. Attempted:\n    \
                     Environment: the credential provider was not enabled: not set\n    Profile: none (Deep { a: 1 })";
        assert_eq!(reason(chain), "Environment: not set; Profile: none");
    }
}
