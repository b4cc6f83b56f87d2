//! Roles behind a second factor: a profile with `mfa_serial`, which the SDK does not know. The code is asked for once a
//! run, or taken from `FITOUT_MFA_CODE`.

use super::error::CallError;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_ec2::config::{Credentials, SharedHttpClient};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Where the code comes from where nobody can be asked.
const CODE: &str = "FITOUT_MFA_CODE";

/// By profile: a code serves once, and regions share what it gave.
static KNOWN: LazyLock<tokio::sync::Mutex<HashMap<String, Credentials>>> = LazyLock::new(Default::default);

/// What such a profile says.
#[derive(Debug, PartialEq)]
struct Role {
    arn: String,
    serial: String,
    source: String,
    external_id: Option<String>,
    session: Option<String>,
    seconds: Option<i32>,
}

impl Role {
    fn of(profile: &str, profiles: &ProfileSet) -> Option<Role> {
        let found = profiles.get_profile(profile)?;
        let text = |name: &str| found.get(name).map(str::to_string).filter(|t| !t.is_empty());
        Some(Role {
            arn: text("role_arn")?,
            serial: text("mfa_serial")?,
            source: text("source_profile")?,
            external_id: text("external_id"),
            session: text("role_session_name"),
            seconds: text("duration_seconds").and_then(|t| t.parse().ok()),
        })
    }
}

/// The credentials of the profile's role; `None` where the profile asks for no second factor.
pub async fn credentials(
    profile: &str,
    profiles: &ProfileSet,
    region: Option<Region>,
    http: SharedHttpClient,
) -> Result<Option<Credentials>, CallError> {
    let Some(role) = Role::of(profile, profiles) else { return Ok(None) };
    let mut known = KNOWN.lock().await;
    if let Some(credentials) = known.get(profile) {
        return Ok(Some(credentials.clone()));
    }
    let provider =
        ProviderConfig::without_region().with_http_client(http.clone()).with_region(region.clone());
    let source = ProfileFileCredentialsProvider::builder().profile_name(role.source.clone());
    let source = source.configure(&provider).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .profile_name(profile)
        .http_client(http)
        .timeout_config(super::access::timeouts())
        .credentials_provider(source);
    if let Some(region) = region {
        loader = loader.region(region);
    }
    let sts = aws_sdk_sts::Client::new(&loader.load().await);
    let made = sts
        .assume_role()
        .role_arn(&role.arn)
        .role_session_name(role.session.as_deref().unwrap_or("fitout"))
        .set_external_id(role.external_id.clone())
        .set_duration_seconds(role.seconds)
        .serial_number(&role.serial)
        .token_code(code(profile, &role.serial)?)
        .send()
        .await
        .map_err(|e| CallError::of("sts:AssumeRole", &e))?;
    let made =
        made.credentials().ok_or_else(|| CallError::own("sts:AssumeRole", "it gave no credentials"))?;
    let made = Credentials::new(
        made.access_key_id(),
        made.secret_access_key(),
        Some(made.session_token().to_string()),
        (*made.expiration()).try_into().ok(),
        "assumed with a second factor",
    );
    known.insert(profile.to_string(), made.clone());
    Ok(Some(made))
}

fn code(profile: &str, serial: &str) -> Result<String, CallError> {
    if let Some(code) = std::env::var(CODE).ok().filter(|code| !code.is_empty()) {
        return Ok(code);
    }
    let asked = rpassword::prompt_password(format!("code of {serial} for the profile {profile}: "));
    let asked = asked.map(|code| code.trim().to_string()).unwrap_or_default();
    if asked.is_empty() {
        let message = format!(
            "the profile `{profile}` needs a code of {serial}, and there is no terminal to ask for it\nhint: set {CODE}"
        );
        return Err(CallError::own("sts:AssumeRole", message));
    }
    Ok(asked)
}
