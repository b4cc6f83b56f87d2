//! What a call came to when it did not succeed: refused, or doubtful.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;
use std::fmt;

/// Whether the service may have done what was asked although no good answer came.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It said no, and nothing was done.
    Refused,
    /// It was too busy to look at the call; nothing was done.
    Throttled,
    /// Nobody knows: the answer was lost, late, or a fault of the service.
    Doubtful,
    /// The run is being stopped, or the time is over.
    GivenUp,
}

/// A call that failed, in a user's words by `Display`.
#[derive(Clone, Debug)]
pub struct CallError {
    /// `ec2:CreateVpc`, which is also the action that a policy must allow.
    pub call: String,
    /// Whether it may have been carried out all the same.
    pub outcome: Outcome,
    /// As the service names it: `InvalidVpcID.NotFound`; empty where there was no answer.
    pub code: String,
    /// The service's words, or why there was no answer.
    pub message: String,
    /// What the service's own log knows the call by; `None` without an answer.
    pub request_id: Option<String>,
    /// Set on the answer to a repeated call, of which an earlier attempt may have been carried out.
    pub after_doubt: bool,
}

/// Codes with which services say that they are busy.
const BUSY: [&str; 10] = [
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "SlowDown",
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
];

const DENIED: [&str; 4] =
    ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "UnauthorizedAccess"];

const CREDENTIALS: [&str; 8] = [
    "AuthFailure",
    "SignatureDoesNotMatch",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidAccessKeyId",
];

impl CallError {
    /// Sorts what the SDK reports about one attempt.
    pub fn of<E>(call: &str, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let (code, message) = (error.code().unwrap_or_default(), error.message());
        let status = error.raw_response().map(|r| r.status().as_u16());
        let outcome = match error {
            SdkError::ConstructionFailure(_) => Outcome::Refused,
            SdkError::DispatchFailure(failure) if failure.is_user() => Outcome::Refused,
            _ if BUSY.contains(&code) || status == Some(429) => Outcome::Throttled,
            // 501: the service does not know the call.
            SdkError::ServiceError(_) if status.is_some_and(|s| s < 500 || s == 501) => Outcome::Refused,
            _ => Outcome::Doubtful,
        };
        let request_id = error.raw_response().and_then(|r| {
            let header = |name: &str| r.headers().get(name).map(str::to_string);
            header("x-amzn-requestid").or_else(|| header("x-amz-request-id"))
        });
        let message = match (message, status) {
            (Some(message), _) => message.to_string(),
            _ if matches!(error, SdkError::DispatchFailure(_)) => format!("no connection: {}", root(error)),
            (None, Some(status)) if code.is_empty() => format!("the service answered with status {status}"),
            _ => short(&DisplayErrorContext(error).to_string()),
        };
        let (call, code) = (call.to_string(), code.to_string());
        CallError { call, outcome, code, message, request_id, after_doubt: false }
    }

    /// An error found on this side, before or after the call.
    pub fn own(call: &str, message: impl Into<String>) -> CallError {
        CallError {
            call: call.into(),
            outcome: Outcome::Refused,
            code: String::new(),
            message: message.into(),
            request_id: None,
            after_doubt: false,
        }
    }

    /// The run is being stopped, or the patience is over.
    pub fn given_up(call: &str, message: impl Into<String>) -> CallError {
        CallError { outcome: Outcome::GivenUp, ..CallError::own(call, message) }
    }

    /// The named thing is not there, or not yet: `InvalidVpcID.NotFound`, `NoSuchEntity`, `ParameterNotFound` …
    pub fn not_found(&self) -> bool {
        self.code.ends_with("NotFound")
            || self.code.ends_with(".NotFoundException")
            || self.code.ends_with(".Malformed") && self.code.starts_with("Invalid") && self.after_doubt
            || matches!(self.code.as_str(), "NoSuchEntity" | "NotFoundException" | "InvalidKeyPair.NotFound")
    }

    /// EC2 does not know the instance profile; it learns of new ones late.
    pub fn unknown_profile(&self) -> bool {
        let told =
            ["iamInstanceProfile", "IAM Instance Profile"].iter().any(|word| self.message.contains(word));
        told && matches!(self.code.as_str(), "InvalidParameterValue" | "ValidationError")
    }

    /// The name is taken.
    pub fn taken(&self) -> bool {
        let code = self.code.trim_end_matches("Exception").trim_end_matches("Fault");
        matches!(code, "AlreadyExists" | "EntityAlreadyExists" | "ParameterAlreadyExists")
    }

    /// Something else still uses the thing.
    pub fn in_use(&self) -> bool {
        matches!(self.code.as_str(), "DependencyViolation" | "DeleteConflict" | "ResourceInUse")
            || self.code.ends_with(".InUse")
            || self.code.ends_with("InUseException")
    }

    /// Whether the credentials lack a permission, by the service's error code: waiting and retrying do not
    /// help.
    pub fn denied(&self) -> bool {
        DENIED.contains(&self.code.as_str())
    }

    /// Whether the service's error code (`InvalidGroup.Duplicate`) is one of these, exactly.
    pub fn is(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str())
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallError { call, code, message, .. } = self;
        if self.denied() {
            let action = action(message).unwrap_or(call);
            write!(f, "{call} is not allowed: {message}\nhint: allow the action `{action}` in the policy")?;
        } else if CREDENTIALS.contains(&code.as_str()) {
            write!(f, "{call}: the credentials were refused ({code}): {message}\n{CREDENTIALS_HINT}")?;
        } else if code.is_empty() {
            write!(f, "{call}: {message}")?;
        } else {
            write!(f, "{call}: {message} ({code})")?;
        }
        if self.outcome == Outcome::Doubtful {
            f.write_str("; whether it was carried out is not known")?;
        }
        match &self.request_id {
            Some(id) => write!(f, " [request {id}]"),
            None => Ok(()),
        }
    }
}

/// The action that a policy would have to allow, where the service names it: a call may need others than its own, as
/// RunInstances needs iam:PassRole.
fn action(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let word = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '-').next()?;
    word.contains(':').then_some(word)
}

/// The first cause of all: `Connection refused`.
fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

const CREDENTIALS_HINT: &str =
    "hint: check key and secret, that a session has not expired, and that this machine's clock is right";

/// The SDK's chains of causes end with debugging output of the whole reply.
fn short(text: &str) -> String {
    let end = text.find(" (").filter(|_| text.len() > 200).unwrap_or(text.len());
    text[..end].chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_call_names_the_action_that_the_service_names() {
        let said = |message: &str| {
            CallError { code: "UnauthorizedOperation".into(), ..CallError::own("ec2:RunInstances", message) }
                .to_string()
        };
        let pass =
            said("User: arn:aws:iam::1:user/x is not authorized to perform: iam:PassRole on resource: arn:y");
        assert!(
            pass.contains("ec2:RunInstances is not allowed")
                && pass.contains("allow the action `iam:PassRole`")
        );
        assert!(said("You are not authorized.").contains("allow the action `ec2:RunInstances`"));
    }
}
