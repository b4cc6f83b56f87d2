//! The calls of STS that are used.

crate::service_calls! {
    /// The calls of STS that are used.
    pub trait Sts, StsClient for aws_sdk_sts as "sts": {
        read get_caller_identity(GetCallerIdentity: GetCallerIdentityInputBuilder) -> GetCallerIdentityOutput;
    }
}
