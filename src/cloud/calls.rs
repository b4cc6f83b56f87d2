//! A service as one trait: the calls used, what each may do, and the real client behind it.
//!
//! [`service_calls!`](crate::service_calls) makes of a list of calls a trait (so that a test can stand in for the service) and its client.
//! Each call goes through [`patiently`](super::retry::patiently): the SDK's own retries are switched off, since they
//! repeat a creation whose answer was lost.

use super::CallError;
use std::future::Future;
use std::pin::Pin;

/// An answer of the service, after retries. An error says also whether the call may have had an effect all
/// the same.
pub type CallFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send + 'a>>;

/// What repeating a call does.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Reads: repeated at will.
    Read,
    /// A write that leads to the same state however often it is carried out, or that carries a client token.
    Same,
    /// Makes one more thing each time: a doubtful outcome is the caller's to clear up ([`super::create`]).
    Another,
}

/// `pub trait NAME, CLIENT for SDK as "service": { read method(Call: InputBuilder) -> Output; … }`, where the kind
/// is `read`, `same` or `another`.
#[macro_export]
macro_rules! service_calls {
    (
        $(#[$doc:meta])*
        pub trait $trait:ident, $client:ident for $sdk:ident as $service:literal: {
            $($kind:ident $method:ident($call:ident: $input:ident) -> $output:ident;)*
        }
    ) => {
        /// The builders of the calls' inputs.
        pub mod input {
            $(pub use $sdk::operation::$method::builders::$input;)*
        }

        $(#[$doc])*
        pub trait $trait: Send + Sync {
            $(
                #[doc = concat!("`", $service, ":", stringify!($call), "`, retried as `", stringify!($kind), "`.")]
                fn $method(
                    &self,
                    input: $sdk::operation::$method::builders::$input,
                ) -> $crate::cloud::calls::CallFuture<'_, $sdk::operation::$method::$output>;
            )*
        }

        /// The real service.
        pub struct $client {
            client: $sdk::Client,
            manner: std::sync::Arc<$crate::cloud::retry::Manner>,
        }

        impl $client {
            /// `manner` has the attempts, the pauses and the run's stop; no call is made here.
            pub fn new(client: $sdk::Client, manner: std::sync::Arc<$crate::cloud::retry::Manner>) -> Self {
                $client { client, manner }
            }
        }

        impl $trait for $client {
            $(fn $method(
                &self,
                input: $sdk::operation::$method::builders::$input,
            ) -> $crate::cloud::calls::CallFuture<'_, $sdk::operation::$method::$output> {
                Box::pin(async move {
                    const NAME: &str = concat!($service, ":", stringify!($call));
                    let attempt = || -> $crate::cloud::calls::CallFuture<'_, $sdk::operation::$method::$output> {
                        let input = input.clone();
                        Box::pin(async move {
                            let done = input.send_with(&self.client).await;
                            done.map_err(|e| $crate::cloud::CallError::of(NAME, &e))
                        })
                    };
                    $crate::cloud::retry::patiently(
                        &self.manner,
                        NAME,
                        $crate::repeat_of!($kind),
                        &attempt,
                    )
                    .await
                })
            })*
        }
    };
}

/// The words of [`service_calls!`](crate::service_calls) as [`Repeat`].
#[macro_export]
macro_rules! repeat_of {
    (read) => {
        $crate::cloud::calls::Repeat::Read
    };
    (same) => {
        $crate::cloud::calls::Repeat::Same
    };
    (another) => {
        $crate::cloud::calls::Repeat::Another
    };
}
